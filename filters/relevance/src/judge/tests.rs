//! Tests of the decision; those with the model run only where it is present.

use super::*;
use crate::encoder::testing::model;
use crate::segment::speaking::Spoken;

/// Office chatter with a few messages about parcels that got lost.
fn records() -> (Vec<Record>, BTreeSet<usize>) {
    let chatter =
        ["Lunch at the noodle place?", "The build is green again", "Standup moves to ten", "Nice photo of the dog"];
    let lost = [
        "A customer never received his package, the carrier cannot find it",
        "Three shipments went missing between the warehouse and the depot",
        "Parcel lost in transit again, sending a replacement",
        "Where is my delivery? asks the shop in Lyon, tracking stopped a week ago",
        "The courier admits that the box was lost",
        "Refunded an order because the shipment vanished",
    ];
    let text = |i: usize| match (i % 10, lost.get(i / 10)) {
        (5, Some(lost)) => (*lost).to_owned(),
        _ => format!("{} ({i})", chatter[i % chatter.len()]),
    };
    let record =
        |i: usize| Record { span: i * 100..i * 100 + 80, spoken: Spoken { text: text(i), ..Spoken::default() } };
    ((0..120).map(record).collect(), (0..lost.len()).map(|n| n * 10 + 5).collect())
}

fn check(intent: &str, encoder: Option<&Encoder>, go_on: bool) -> (Judgement, BTreeSet<usize>) {
    let (records, lost) = records();
    let intent = Intent::read(intent).unwrap();
    (judge(&records, &intent, &Settings::default(), encoder, &|| go_on), lost)
}

#[test]
fn meaning_finds_what_shares_no_word() {
    let Some(encoder) = model() else { return };
    let (judgement, lost) = check("Find messages about parcels that never arrived", Some(&encoder), true);
    assert!(judgement.kept.is_superset(&lost), "{:?}", judgement.kept);
    assert!(judgement.kept.len() < 20, "{:?}", judgement.kept);
    assert_eq!((judgement.tier, judgement.unread, judgement.found), (Tier::Encoder, 0, true));
}

#[test]
fn nothing_relevant_keeps_the_floor_and_says_so() {
    let Some(encoder) = model() else { return };
    let (judgement, _) = check("zirconium isotope spectroscopy", Some(&encoder), true);
    assert!(!judgement.found);
    assert_eq!(judgement.kept.len(), 5);
}

#[test]
fn without_time_the_first_tier_decides() {
    let Some(encoder) = model() else { return };
    encoder.forget();
    let (judgement, _) = check("lost shipments", Some(&encoder), false);
    assert_eq!(judgement.tier, Tier::Static);
}

#[test]
fn without_a_model_the_static_table_finds_what_shares_no_word() {
    let (judgement, lost) = check("Find messages about parcels that never arrived", None, true);
    assert_eq!((judgement.tier, judgement.found), (Tier::Static, true));
    let found = judgement.kept.intersection(&lost).count();
    assert!(found * 6 >= lost.len() * 5 && judgement.kept.len() < 30, "{:?}", judgement.kept);
}

#[test]
fn without_a_model_nothing_relevant_is_said_too() {
    let (judgement, _) = check("zirconium isotope spectroscopy", None, true);
    assert_eq!((judgement.found, judgement.kept.len()), (false, 5));
}

#[test]
fn what_is_remembered_is_not_read_again() {
    let Some(encoder) = model() else { return };
    let (once, _) = check("lost shipments", Some(&encoder), true);
    let (again, _) = check("lost shipments", Some(&encoder), false);
    assert_eq!((again.tier, again.unread, &again.kept), (Tier::Encoder, 0, &once.kept));
}

#[test]
fn records_that_say_nothing_are_judged_too() {
    let silent = |i: usize| Record { span: i * 10..i * 10 + 5, spoken: Spoken::default() };
    let records: Vec<Record> = (0..40).map(silent).collect();
    let judgement = judge(&records, &Intent::read("anything").unwrap(), &Settings::default(), None, &|| true);
    assert_eq!((judgement.kept.len(), judgement.found), (5, false));
    assert!(judge(&[], &Intent::read("x").unwrap(), &Settings::default(), None, &|| true).kept.is_empty());
}
