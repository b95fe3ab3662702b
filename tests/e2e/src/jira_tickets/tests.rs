use std::collections::BTreeSet;

use super::{PROJECTS, Site, Status, phrases};

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
    assert!(!text.contains("\"labelled\"") && !text.contains("\"comments\""));
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
    for topic in &phrases().unwrap().topics {
        assert!(topic.list("projects").iter().all(|key| PROJECTS.iter().any(|(known, _)| known == key)));
        assert!(!topic.list("projects").is_empty() && !topic.list("types").is_empty(), "{}", topic.name);
    }
}
