use super::Query;
use crate::jira_tickets::{Site, Ticket};

fn select(jql: &str) -> Vec<Ticket> {
    let site = Site::generate("https://jira.example.test").unwrap();
    let query = Query::parse(jql).unwrap_or_else(|error| panic!("`{jql}`: {error}"));
    query.select(&site.tickets).into_iter().cloned().collect()
}

#[track_caller]
fn check(jql: &str, holds: impl Fn(&Ticket) -> bool) {
    let site = Site::generate("https://jira.example.test").unwrap();
    let found = select(jql);
    assert!(!found.is_empty(), "`{jql}` finds nothing");
    assert!(found.iter().all(&holds), "`{jql}` finds too much");
    let expected = site.tickets.iter().filter(|ticket| holds(ticket)).count();
    assert_eq!(found.len(), expected, "`{jql}` finds too little");
}

#[track_caller]
fn check_refused(jql: &str, named: &str) {
    let error = Query::parse(jql).unwrap_err().to_string();
    assert!(error.contains(named), "`{jql}`: {error}");
    assert!(error.contains("this server reads"), "{error}");
}

#[test]
fn an_empty_query_finds_everything() {
    check("", |_| true);
    check("order by key", |_| true);
}

#[test]
fn fields_are_compared_without_regard_to_case() {
    check("project = sec", |ticket| ticket.key.starts_with("SEC-"));
    check("status = \"in progress\"", |ticket| ticket.status.name == "In Progress");
    check("status != Done", |ticket| ticket.status.name != "Done");
    check("labels = vulnerability", |ticket| ticket.labels.contains(&"vulnerability".into()));
    check("project in (SEC, 'WEB') AND priority=High", |ticket| {
        !ticket.key.starts_with("PLAT-") && ticket.priority.name == "High"
    });
}

#[test]
fn text_search_wants_every_word() {
    check("summary ~ \"drift\"", |ticket| ticket.summary.contains("drift"));
    check("text ~ \"second factor\"", |ticket| {
        let comments = ticket.comments.iter().map(|comment| &comment.body);
        let texts: Vec<String> = comments.chain([&ticket.summary, &ticket.description]).cloned().collect();
        let text = texts.join(" ");
        text.contains("second") && text.contains("factor")
    });
}

#[test]
fn dates_bound_both_ends() {
    check("created >= 2026-09-01 AND created < \"2026/10/01\"", |ticket| ticket.created.starts_with("2026-09"));
}

#[test]
fn order_by_puts_the_newest_first_when_asked() {
    let newest: Vec<String> = select("project = WEB ORDER BY created DESC").into_iter().map(|t| t.created).collect();
    assert!(newest.is_sorted_by(|one, other| one >= other));
    let keys: Vec<String> = select("project = WEB ORDER BY key ASC").into_iter().map(|t| t.key).collect();
    assert_eq!(&keys[..2], ["WEB-1", "WEB-2"]);
}

#[test]
fn what_is_outside_the_subset_is_refused_by_name() {
    check_refused("project = SEC OR project = WEB", "`OR`");
    check_refused("sprint = 4", "the field `sprint`");
    check_refused("assignee was bob", "the comparison `was`");
    check_refused("created >= -7d", "the date `-7d`");
    check_refused("summary = x", "this comparison of `summary`");
    check_refused("project =", "the end, where a value should be");
    check_refused("text ~ \"open", "a quote that is never closed");
    check_refused("project in (SEC; WEB)", "in a list");
    check_refused("project = SEC ORDER BY rank", "`ORDER BY rank`");
    check_refused("project = SEC ORDER BY key DESC, created", "after ORDER BY");
}
