//! Tests: headers of every kind stay, and rows speak by their columns.

use super::segment;

fn check(text: &str, kept: &[usize], expected: &str) {
    let segmented = segment(text).expect("a table");
    assert_eq!(segmented.keep(text, &kept.iter().copied().collect()), expected);
}

#[test]
fn a_table_keeps_its_header() {
    let text = "NAMESPACE   KIND   NAME        STATUS\ndata        Pod    airflow-0   Running\ndata        Pod    etl-1       Failed\n";
    check(text, &[1], "NAMESPACE   KIND   NAME        STATUS\ndata        Pod    etl-1       Failed\n");
    check("| a | b |\n|---|---|\n| 1 | x |\n| 2 | y |\n", &[0], "| a | b |\n|---|---|\n| 1 | x |\n");
}

#[test]
fn tables_of_databases_keep_their_frame() {
    let psql = " id | title\n----+-------\n  1 | late\n  2 | lost\n(2 rows)\n";
    check(psql, &[1], " id | title\n----+-------\n  2 | lost\n(2 rows)\n");
    let mysql = "+----+-------+\n| id | title |\n+----+-------+\n|  1 | late  |\n|  2 | lost  |\n+----+-------+\n2 rows in set\n";
    check(
        mysql,
        &[0],
        "+----+-------+\n| id | title |\n+----+-------+\n|  1 | late  |\n+----+-------+\n2 rows in set\n",
    );
    let plain = "id  title\n--  -----\n1   late\n2   lost\n";
    check(plain, &[0], "id  title\n--  -----\n1   late\n");
}

#[test]
fn several_tables_keep_a_header_each() {
    let text = "NAME    READY\npod/a   1/1\npod/b   0/1\n\nNAME    TYPE\nsvc/a   ClusterIP\nsvc/b   NodePort\n";
    check(text, &[1, 2], "NAME    READY\npod/b   0/1\n\nNAME    TYPE\nsvc/a   ClusterIP\n");
}

#[test]
fn cells_speak_by_their_column() {
    let text = "NAMESPACE   KIND   NAME        STATUS\ndata        Pod    airflow-0   Running\ndata        Pod    étl-1       Failed\n";
    let found = segment(text).unwrap();
    let spoken = &found.records()[0].spoken;
    assert_eq!((spoken.text.as_str(), spoken.aside.as_str()), ("airflow-0 \nPod", "data Running"));
    assert!(found.records()[1].spoken.text.contains("étl-1"));
}
