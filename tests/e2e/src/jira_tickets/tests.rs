use std::collections::BTreeSet;

use super::{PROJECTS, Site, Status, phrases};
use crate::phrasebook::marks::Marks;

fn site() -> Site {
    Site::generate("https://jira.example.test/").unwrap()
}

#[test]
fn there_are_enough_tickets_in_all_three_projects() {
    let site = site();
    assert!((420..=480).contains(&site.tickets.len()), "{}", site.tickets.len());
    for (key, _) in PROJECTS {
        let count = site.tickets.iter().filter(|ticket| ticket.project() == key).count();
        assert!(count >= 80, "{key}: {count}");
    }
}

#[test]
fn the_site_is_the_same_every_time() {
    assert_eq!(site().tickets, site().tickets);
    assert_eq!(site().labels(), site().labels());
}

#[test]
fn keys_and_summaries_are_unique_and_ordered_by_creation() {
    let site = site();
    let keys: BTreeSet<&str> = site.tickets.iter().map(|ticket| ticket.key.as_str()).collect();
    let summaries: BTreeSet<&str> = site.tickets.iter().map(|ticket| ticket.summary.as_str()).collect();
    assert_eq!((keys.len(), summaries.len()), (site.tickets.len(), site.tickets.len()));
    assert!(site.tickets.is_sorted_by(|one, other| one.created <= other.created));
    assert_eq!(site.tickets[0].browse_url, format!("https://jira.example.test/browse/{}", site.tickets[0].key));
}

#[test]
fn security_tickets_are_in_all_projects_and_the_security_project_has_others() {
    let site = site();
    let labels = site.labels();
    assert!((90..=130).contains(&labels.security.len()), "{}", labels.security.len());
    assert_eq!(labels.total, site.tickets.len());
    for (key, _) in PROJECTS {
        assert!(labels.security.iter().any(|ticket| ticket.starts_with(key)), "{key}");
    }
    let others = site.tickets.iter().filter(|t| t.project() == "SEC" && !labels.security.contains(&t.key));
    assert!(others.count() >= 15);
}

#[test]
fn hard_negatives_are_there_and_unlabelled() {
    let site = site();
    let labels = site.labels();
    for phrase in ["Secure a venue", "Token of appreciation", "Attack plan", "Job security"] {
        let ticket = site.tickets.iter().find(|ticket| ticket.summary.contains(phrase)).unwrap();
        assert!(!labels.security.contains(&ticket.key), "{phrase}");
    }
}

#[test]
fn no_ticket_shows_its_label_or_an_unresolved_brace() {
    let site = site();
    let text = serde_json::to_string(&site.tickets).unwrap();
    assert!(!text.contains("\"about\"") && !text.contains("\"comments\""));
    for ticket in &site.tickets {
        let comments = ticket.comments.iter().map(|comment| comment.body.as_str());
        for text in comments.chain([ticket.summary.as_str(), ticket.description.as_str()]) {
            assert!(!text.contains(['{', '}', '|']) && !text.is_empty(), "{}: {text}", ticket.key);
        }
    }
}

#[test]
fn a_status_is_found_in_any_case() {
    assert_eq!(Status::named("in progress").unwrap().name, "In Progress");
    assert_eq!(Status::named("parked"), None);
}

#[test]
fn every_project_of_the_phrases_exists() {
    for topic in &phrases(&[]).unwrap().topics {
        assert!(topic.list("projects").iter().all(|key| PROJECTS.iter().any(|(known, _)| known == key)));
        assert!(!topic.list("projects").is_empty() && !topic.list("types").is_empty(), "{}", topic.name);
    }
}

#[test]
fn there_are_five_contexts_and_more_each_with_enough_to_find() {
    let site = site();
    let labels = site.labels();
    assert!(labels.contexts.len() >= 5, "{}", labels.contexts.len());
    let keys: BTreeSet<&str> = site.tickets.iter().map(|ticket| ticket.key.as_str()).collect();
    for context in &labels.contexts {
        assert!((12..=130).contains(&context.core.len()), "{}: {}", context.name, context.core.len());
        assert!(context.relevant.iter().all(|key| keys.contains(key.as_str())), "{}", context.name);
        assert!(context.core.iter().all(|key| context.relevant.contains(key)), "{}", context.name);
    }
    assert_eq!(labels.contexts[0].core, labels.security);
}

#[test]
fn every_mark_of_the_phrases_is_a_context() {
    let contexts = site().labels().contexts;
    let known: BTreeSet<&str> = contexts.iter().map(|context| context.name.as_str()).collect();
    let nothing = Marks::default();
    for topic in &phrases(&[]).unwrap().topics {
        let marks = topic.sentences().map(|sentence| sentence.marks(&nothing)).chain([topic.about()]);
        for name in marks.flat_map(|marks| marks.subjects().map(str::to_owned).collect::<Vec<_>>()) {
            assert!(known.contains(name.as_str()), "`{name}` in `[{}]` is no context", topic.name);
        }
    }
}

#[test]
fn a_ticket_written_as_it_stands_keeps_all_its_sentences() {
    let site = site();
    let ticket =
        site.tickets.iter().find(|ticket| ticket.summary == "Switch off the old cluster after four weeks").unwrap();
    assert!(ticket.description.starts_with("Last dump") && ticket.description.ends_with("a television."));
    let ticket = site.tickets.iter().find(|ticket| ticket.summary.starts_with("Split the browser suite")).unwrap();
    assert_eq!((ticket.comments.len(), ticket.comments[0].body.as_str()), (1, "9 minutes now."));
}

#[test]
fn incidents_of_the_data_platform_are_told_from_the_others() {
    let site = Site::with_incidents("https://jira.example.test/").unwrap();
    let labels = site.labels();
    let broken = labels.contexts.iter().find(|context| context.name == "broken").unwrap();
    let incidents: Vec<_> = site.tickets.iter().filter(|ticket| ticket.summary.contains("Incident: ")).collect();
    let (ours, others): (Vec<_>, Vec<_>) = incidents.into_iter().partition(|ticket| broken.core.contains(&ticket.key));
    assert!(ours.len() >= 30 && others.len() >= 60, "{} and {}", ours.len(), others.len());
    assert!(site.tickets.len() >= Site::generate("").unwrap().tickets.len() + 90);
}
