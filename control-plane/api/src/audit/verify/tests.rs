//! Chains that were tampered with, in every way and at random.

use super::*;
use crate::audit::{Action, AuditEvent, Decision, Outcome, Phase, chain::Chain};
use ed25519_dalek::SigningKey;
use proptest::{
    prelude::{RngExt as _, any, proptest},
    test_runner::{RngAlgorithm, TestRng},
};

fn event(id: u64) -> AuditEvent {
    AuditEvent {
        id: format!("{id:032x}"),
        gateway: "x".parse().unwrap(),
        seq: 0,
        time: Timestamp::from_millis(1_000 * i64::try_from(id).unwrap()),
        phase: Phase::Outcome,
        action: Action::McpCall,
        method: "tools/call".to_owned(),
        user: None,
        token_id: None,
        project: None,
        server: None,
        target: Some("slack_get_messages".to_owned()),
        decision: Decision::Allow,
        reason: String::new(),
        outcome: Outcome::Ok,
        arguments_digest: None,
        arguments: None,
        client: None,
        peer: None,
        request_id: None,
        trace_id: None,
        revision: 1,
        stale_s: None,
        duration_ms: 0,
        request_bytes: 0,
        reply_bytes: 0,
        reply_digest: None,
        relevance: None,
        redacted: Vec::new(),
    }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// The log of `gateway`: `starts` of `each` events, a checkpoint after every `pace`.
fn log(gateway: &str, key: &SigningKey, (starts, each, pace): (u64, u64, u64)) -> Vec<String> {
    let (mut head, mut checkpoint, mut texts) = (Head::NONE, Hash::NONE, Vec::new());
    for start in 1..=starts {
        let mut chain = Chain::new(name(gateway), start * 1_000, head, checkpoint);
        for number in 1..=each {
            texts.push(chain.event(&mut event(start * each + number)).unwrap().text);
            if number % pace == 0 {
                let record =
                    chain.checkpoint(key, Timestamp::from_millis(i64::try_from(start * 1_000 + number).unwrap()));
                let record = record.unwrap();
                checkpoint = record.head.hash;
                texts.push(record.text);
            }
        }
        head = chain.head();
    }
    texts
}

/// Reads `texts` as `mcpctl audit verify` does; the end is known from elsewhere.
fn check(gateway: &str, texts: &[String], known: Option<&Head>) -> Result<Verifier, Broken> {
    let keys = Trust::Keys(vec![key(1).verifying_key()]);
    let mut verifier = Verifier::new(name(gateway), keys, Start::Beginning);
    for text in texts {
        verifier.take(text)?;
    }
    verifier.finish(known)?;
    Ok(verifier)
}

fn head(texts: &[String]) -> Head {
    let text = texts.last().unwrap();
    serde_json::from_str::<Entry>(text).unwrap().head(text)
}

#[test]
fn a_clean_log_is_read_to_its_end() {
    let texts = log("a", &key(1), (3, 20, 7));
    let read = check("a", &texts, Some(&head(&texts))).unwrap();
    assert_eq!((read.head(), read.count()), (head(&texts), (66, 6)));
    assert_eq!(read.remarks(), []);
}

#[test]
fn the_first_record_that_was_changed_is_named_and_not_its_neighbour() {
    let texts = log("a", &key(1), (2, 20, 7));
    let end = head(&texts);
    for at in 0..texts.len() {
        let mut changed = texts.clone();
        let Some(replaced) = replaced(&texts[at]) else { continue };
        changed[at] = replaced;
        let broken = check("a", &changed, Some(&end)).unwrap_err();
        assert_eq!((broken.seq, broken.fault), (at as u64 + 1, Fault::Changed));
        let mut cut = texts.clone();
        let bad: String = texts[at].replacen("\"prev\":\"", "\"prev\":\"f", 1).replacen("\",\"body\"", "", 1);
        cut[at] = bad;
        assert_eq!(check("a", &cut, Some(&end)).unwrap_err().seq, at as u64 + 1);
    }
}

/// Another tool; none in a checkpoint.
fn replaced(text: &str) -> Option<String> {
    text.contains("slack_get_messages").then(|| text.replace("slack_get_messages", "slack_set_messages"))
}

#[test]
fn a_wrong_link_is_the_fault_of_the_record_that_has_it() {
    let texts = log("a", &key(1), (1, 10, 100));
    let mut changed = texts.clone();
    let entry: Entry = serde_json::from_str(&texts[4]).unwrap();
    changed[4] = texts[4].replace(&entry.prev.to_string(), &"0".repeat(64));
    assert_eq!(check("a", &changed, None).unwrap_err().seq, 5);
    let all: Vec<String> = texts.iter().map(|text| replaced(text).unwrap()).collect();
    assert_eq!(check("a", &all, None).unwrap_err().seq, 1);
}

#[test]
fn what_is_missing_is_named_also_at_the_end() {
    let texts = log("a", &key(1), (1, 10, 5));
    let end = head(&texts);
    for at in 0..texts.len() {
        let mut fewer = texts.clone();
        fewer.remove(at);
        let broken = check("a", &fewer, Some(&end)).unwrap_err();
        assert_eq!((broken.seq, broken.fault), (at as u64 + 1, Fault::Missing(at as u64 + 1)));
    }
    let broken = check("a", &texts[..4], Some(&end)).unwrap_err();
    assert_eq!((broken.seq, broken.fault), (5, Fault::Missing(end.seq)));
}

#[test]
fn a_chain_of_somebody_who_cannot_sign_is_refused() {
    let stolen = log("a", &key(2), (1, 10, 5));
    assert_eq!(check("a", &stolen, None).unwrap_err().fault, Fault::NotSigned);
    let renamed: Vec<String> = stolen
        .iter()
        .map(|text| text.replace(&hex::encode(key(2).verifying_key()), &hex::encode(key(1).verifying_key())))
        .collect();
    assert!(check("a", &renamed, None).is_err());
    let unsigned = log("a", &key(1), (1, UNSIGNED_RECORDS_MAX + 1, UNSIGNED_RECORDS_MAX * 2));
    assert_eq!(check("a", &unsigned, None).unwrap_err().fault, Fault::Unsigned);
}

#[test]
fn a_checkpoint_put_into_another_chain_place_or_time_is_refused() {
    let texts = log("a", &key(1), (1, 10, 5));
    let signed = |from: &str, to: &str| {
        let mut moved = texts.clone();
        moved[5] = moved[5].replacen(from, to, 1);
        check("a", &moved[..6], None).unwrap_err().fault
    };
    for (from, to) in [("\"epoch\":1000", "\"epoch\":1001"), ("1970-01-01T00:00:01.005Z", "1970-01-01T00:00:02.005Z")] {
        assert_eq!(signed(from, to), Fault::NotSigned, "{from}");
    }
    let other = log("b", &key(1), (1, 10, 5));
    assert_eq!(check("a", &other, None).unwrap_err().fault, Fault::Foreign(name("b")));
}

#[test]
fn what_was_let_go_may_be_missing_and_nothing_else() {
    let whole = log("a", &key(1), (1, 20, 5));
    let (gone, left) = whole.split_at(12);
    let upto = head(gone);
    let read = |texts: &[String]| {
        let keys = Trust::Keys(vec![key(1).verifying_key()]);
        let mut verifier = Verifier::new(name("a"), keys, Start::Beginning).without(Some(upto));
        texts.iter().try_for_each(|text| verifier.take(text).map(drop))?;
        verifier.finish(Some(&head(&whole)))?;
        Ok::<_, Broken>(verifier.remarks().to_vec())
    };
    assert_eq!(read(left), Ok(vec![Remark::LetGo { after: Head::NONE, upto }]));
    assert_eq!(read(&whole), Ok(Vec::new()), "an export that was made before has them");
    let lagging = [&gone[..7], left].concat();
    assert_eq!(read(&lagging), Ok(vec![Remark::LetGo { after: head(&gone[..7]), upto }]));
    assert_eq!(read(&left[1..]).unwrap_err().fault, Fault::Missing(13));
    let forged = Chain::new(name("a"), 1_000, Head { seq: 12, ..Head::NONE }, Hash::NONE).event(&mut event(1)).unwrap();
    assert!(read(&[forged.text]).is_err(), "it follows something else");
}

#[test]
fn a_log_that_began_anew_and_a_clock_that_went_back_are_told_of() {
    let first = log("a", &key(1), (1, 10, 5));
    let mut chain = Chain::new(name("a"), 2_000, Head::NONE, Hash::NONE);
    let fresh = chain.checkpoint(&key(1), Timestamp::from_millis(-100_000)).unwrap().text;
    let read = check("a", &[first.clone(), vec![fresh]].concat(), None).unwrap();
    let anew = Remark::BeganAnew { after: head(&first), epoch: 2_000 };
    assert_eq!(read.remarks(), [anew, Remark::ClockBack { seq: 1, by_ms: 101_010 }]);
    // Not with an older epoch: that is yesterday's log, put in again.
    let mut chain = Chain::new(name("a"), 1_000, Head::NONE, Hash::NONE);
    let old = chain.checkpoint(&key(1), Timestamp::from_millis(0)).unwrap().text;
    assert_eq!(check("a", &[first, vec![old]].concat(), None).unwrap_err().fault, Fault::OutOfOrder { after: 12 });
}

/// One random tampering; none where it happens to change nothing.
fn tampered(texts: &[String], other: &[String], random: &mut TestRng) -> Option<Vec<String>> {
    let mut made = texts.to_vec();
    let (a, b) = (random.random_range(0..texts.len()), random.random_range(0..texts.len()));
    match random.random_range(0..12) {
        0..=2 => {
            let mut bytes = std::mem::take(&mut made[a]).into_bytes();
            let at = random.random_range(0..bytes.len());
            bytes[at] ^= 1 << random.random_range(0..7);
            made[a] = String::from_utf8_lossy(&bytes).into_owned();
        }
        3 => drop(made.remove(a)),
        4 => made.insert(b, texts[a].clone()),
        5 => made.swap(a, b),
        6 => made.truncate(a),
        7 => made[a] = other[a].clone(),
        8 => made[a] = texts[a].replace("\"epoch\":1000", "\"epoch\":2000"),
        9 => {
            let checkpoints: Vec<usize> = (0..texts.len()).filter(|at| texts[*at].contains("checkpoint\":")).collect();
            made[*checkpoints.last()?] = texts[checkpoints[0]].clone();
        }
        10 => made = rechained(texts, a),
        _ => {
            let from = random.random_range(0..texts.len());
            made.drain(from.min(a)..=from.max(a));
        }
    }
    (made != texts).then_some(made)
}

/// As whoever can write every file and sign nothing would do it: one record changed, and every link after it made to fit.
fn rechained(texts: &[String], at: usize) -> Vec<String> {
    let mut made: Vec<String> = Vec::new();
    let mut prev = Hash::NONE;
    for (number, text) in texts.iter().enumerate() {
        let mut entry: Entry = serde_json::from_str(text).unwrap();
        entry.prev = prev;
        if number == at
            && let Body::Event(event) = &mut entry.body
        {
            event.target = Some("nothing_at_all".to_owned());
        }
        let text = serde_json::to_string(&entry).unwrap();
        prev = entry.hash(&text);
        made.push(text);
    }
    made
}

/// How many are tried: `MCPCTL_TORTURE` times as many as in an ordinary run.
fn times() -> u64 {
    std::env::var("MCPCTL_TORTURE").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

#[test]
fn a_07_no_tampering_is_missed_and_no_clean_log_is_suspected() {
    let seed: u64 = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let (texts, other) = (log("a", &key(1), (2, 20, 6)), log("b", &key(1), (2, 20, 6)));
    let end = head(&texts);
    let (mut tried, wanted) = (0, 1_000 * times());
    while tried < wanted {
        let Some(made) = tampered(&texts, &other, &mut random) else { continue };
        tried += 1;
        assert!(check("a", &made, Some(&end)).is_err(), "seed {seed}, number {tried}: {made:#?}");
    }
    let clean = 100 * times();
    for _ in 0..clean {
        let shape = (random.random_range(1..4), random.random_range(1..30), random.random_range(1..9));
        let texts = log("a", &key(1), shape);
        check("a", &texts, Some(&head(&texts))).unwrap();
    }
    eprintln!("A-07: seed {seed}: {tried} of {tried} tamperings found, 0 of {clean} clean logs suspected");
}

proptest! {
    #[test]
    fn whatever_a_line_holds_reading_it_does_not_panic(text in any::<String>()) {
        let mut verifier = Verifier::new(name("a"), Trust::LinksOnly, Start::Beginning);
        let _ = verifier.take(&text);
    }
}
