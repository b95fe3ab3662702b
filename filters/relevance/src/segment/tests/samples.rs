//! What the tools of common servers answer, in their shapes with words of our own.

use super::*;

/// Takes the sample for `shape` with `count` records; keeping only `kept` leaves `stays` and takes away `goes`.
fn check(text: &str, shape: Shape, count: usize, kept: usize, [stays, goes]: [&[&str]; 2]) {
    let found = segment(text).expect("a known shape");
    assert_eq!((found.shape(), found.records().len()), (shape, count));
    let all = (0..count).collect();
    assert_eq!(found.keep(text, &all), text);
    let rest = found.keep(text, &[kept].into());
    for words in stays {
        assert!(rest.contains(words), "`{words}` is missing in {rest}");
    }
    for words in goes {
        assert!(text.contains(words) && !rest.contains(words), "`{words}` is still in {rest}");
    }
    if text.starts_with(['{', '[']) && serde_json::from_str::<Value>(text).is_ok() {
        assert!(serde_json::from_str::<Value>(&rest).is_ok(), "{rest}");
    }
}

fn spoken(text: &str, index: usize) -> (String, String, Option<String>) {
    let found = segment(text).expect("a known shape");
    let spoken = found.records()[index].spoken.clone();
    (spoken.text, spoken.aside, spoken.thread)
}

#[test]
fn slack() {
    let rows = include_str!("samples/slack-messages.csv");
    check(rows, Shape::Csv, 8, 3, [&["MsgID,", "no such bucket", "bmV4dF90czoxNzk1"], &["lunch", "room Oslo"]]);
    let (text, author, thread) = spoken(rows, 2);
    assert_eq!(text, "Rolled back release 4.2, error rate is falling\nwill write it up");
    assert_eq!((author.as_str(), thread.as_deref()), ("ines Ines Duarte", Some("1795300400.000000")));
    let unread = include_str!("samples/slack-unread.csv");
    check(unread, Shape::Csv, 8, 0, [&["[token: scanned", "\n\nMsgID,", "Norway"], &["lunch"]]);
    let channels = include_str!("samples/slack-channels.csv");
    check(channels, Shape::Csv, 5, 2, [&["ID,Name,", "#security"], &["#travel"]]);
    let history = include_str!("samples/slack-history.json");
    check(history, Shape::Json, 8, 0, [&["Norway", r#""has_more":true"#, r#""next_cursor":"bmV4"#], &["lunch"]]);
    assert_eq!(spoken(history, 5).2.as_deref(), Some("1795300400.000000"));
}

#[test]
fn jira() {
    let text = include_str!("samples/jira-search.json");
    check(text, Shape::Json, 6, 5, [&["SHOP-6", r#""total": -1"#, r#""next_page_token": "CAEaAggG""#], &["SHOP-5"]]);
    let (text, author, _) = spoken(text, 5);
    assert!(text.starts_with("Penetration test findings \nSession tokens are not rotated"), "{text}");
    assert!(text.contains("web") && text.contains("Bug") && author.contains("Ines Duarte"), "{text} / {author}");
}

#[test]
fn github() {
    let issues = include_str!("samples/github-issues.json");
    check(issues, Shape::Json, 6, 3, [&["disk is full", r#""totalCount":61"#, "Y3Vyc29yOjY="], &["zstd"]]);
    assert_eq!(spoken(issues, 0).0, "Panic on empty input \nThe parser panics when the file is empty. \nbug");
    let commits = include_str!("samples/github-commits.json");
    check(commits, Shape::Json, 5, 2, [&["Found by fuzzing"], &["typo"]]);
    let rows = include_str!("samples/github-issues.csv");
    check(rows, Shape::Csv, 6, 0, [&["# end_cursor: Y3Vyc29yOjY=\n\nnumber,title", "Panic"], &["zstd"]]);
}

#[test]
fn terraform() {
    let search = include_str!("samples/terraform-search.txt");
    check(search, Shape::Blocks, 5, 2, [&["Available Documentation", "aws_iam_role", "---\n"], &["aws_vpc", "guides"]]);
    let docs = include_str!("samples/terraform-docs.md");
    let headings = ["# Resource: cloud_bucket", "## Argument Reference", "force_destroy1"];
    check(docs, Shape::Document, 29, 4, [&headings, &["hcl", "## Example", "object_lock"]]);
}

#[test]
fn kubernetes() {
    let pods = include_str!("samples/kubernetes-pods.txt");
    check(pods, Shape::Table, 5, 1, [&["NAMESPACE   APIVERSION", "CrashLoopBackOff"], &["search-0"]]);
    assert_eq!(spoken(pods, 1).1, "shop CrashLoopBackOff");
    let events = include_str!("samples/kubernetes-events.yaml");
    check(events, Shape::Yaml, 5, 2, [&["# The following events", "insufficient memory", "node-2"], &["probe"]]);
    let list = include_str!("samples/kubernetes-list.yaml");
    check(list, Shape::Yaml, 4, 1, [&["items:\n- apiVersion", "name: search", "kind: List"], &["checkout"]]);
    let log = include_str!("samples/kubernetes-log.txt");
    check(log, Shape::Log, 6, 2, [&["ERROR payment", "Client.java:31", "... 12 more"], &["GET /health"]]);
}

#[test]
fn filesystem() {
    let list = include_str!("samples/filesystem-list.txt");
    check(list, Shape::Lines, 6, 3, [&["[FILE] passwords old.txt"], &["travel", "invoices"]]);
    let search = include_str!("samples/filesystem-search.txt");
    check(search, Shape::Lines, 5, 0, [&["/srv/shop/src/cart.rs"], &["archive"]]);
    let tree = include_str!("samples/filesystem-tree.json");
    check(tree, Shape::Json, 5, 2, [&["november.pdf"], &["main.rs"]]);
}

#[test]
fn git() {
    let log = include_str!("samples/git-log.txt");
    check(log, Shape::Blocks, 5, 1, [&["Commit history:\n", "Bump", "Nothing else."], &["Typo", "Rotate"]]);
    assert_eq!(spoken(log, 0).1, "Mira Lind");
    let diff = include_str!("samples/git-diff.txt");
    check(diff, Shape::Diff, 3, 2, [&["Unstaged changes:", "+++ b/docs/cart.md", "No newline"], &["cart.rs"]]);
    check(diff, Shape::Diff, 3, 1, [&["+++ b/src/cart.rs", "@@ -40,3"], &["docs/cart.md", "@@ -10,6"]]);
}

#[test]
fn databases() {
    let table = include_str!("samples/postgres-table.txt");
    check(table, Shape::Table, 5, 4, [&[" id |", "----+---", "Parcels lost", "(5 rows)"], &["Lisbon"]]);
    assert_eq!(spoken(table, 1), ("Refund for Oslo".to_owned(), "tomas".to_owned(), None));
    let printed = include_str!("samples/postgres-rows.txt");
    check(printed, Shape::Python, 5, 1, [&["[{'id': 1, 'title': 'Refund", "}]"], &["Rent", "Lisbon"]]);
    assert_eq!(spoken(printed, 0).0, "Invoice November \nit's late");
    let rows = include_str!("samples/postgres-rows.json");
    check(rows, Shape::Json, 5, 3, [&[r#""columns""#, "Parcels lost", r#""rowCount": 5"#], &["Rent"]]);
    assert_eq!(spoken(rows, 3), ("Parcels lost".to_owned(), "mira".to_owned(), None));
}

#[test]
fn notion() {
    let search = include_str!("samples/notion-search.json");
    check(search, Shape::Json, 5, 2, [&["lost parcels", r#""next_cursor": "c2-4""#], &["Roadmap"]]);
    assert_eq!(spoken(search, 2).0, "Incident review: lost parcels \nplan");
    let page = include_str!("samples/notion-page.md");
    let row = ["# Incident review", "## Causes", "| Cause | Owner |\n|-------|", "no monitoring"];
    check(page, Shape::Document, 44, 19, [&row, &["## Timeline", "by topic"]]);
    let item = ["## Timeline", "support opens a ticket", "  - seen by Tomas Berg"];
    check(page, Shape::Document, 44, 2, [&item, &["## Causes", "| Owner", "refunds"]]);
    check(page, Shape::Document, 44, 43, [&["## Commands", "SELECT *", "WHERE"], &["## Summary"]]);
}

#[test]
fn logs() {
    let streams = include_str!("samples/loki-streams.json");
    check(streams, Shape::Json, 5, 4, [&[r#""app": "checkout""#, "timeout after 30 s", r#""values": []"#], &["stale"]]);
    let lines = include_str!("samples/loki-lines.json");
    check(lines, Shape::Json, 5, 0, [&["payment declined"], &["retrying"]]);
    let values = include_str!("samples/loki-lines.jsonl");
    check(values, Shape::JsonLines, 4, 2, [&["cart not found"], &["accepted"]]);
    let events = include_str!("samples/cloudwatch-events.json");
    check(events, Shape::Json, 5, 4, [&["timed out", r#""nextToken": "Bxk/abc""#], &["REPORT"]]);
    let query = include_str!("samples/cloudwatch-query.json");
    check(query, Shape::Json, 4, 0, [&["payment declined", "recordsMatched"], &["cart not found"]]);
    assert_eq!(spoken(query, 2).0, "cart not found");
}
