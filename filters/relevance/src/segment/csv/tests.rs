//! Tests: headers, quoting, and the cursor in the last row.

use crate::segment::segment;

const SLACK: &str = "MsgID,UserName,Text,Time,Cursor\n1,ci,Build green,t,\n2,carol,\"Weekly report,\n2 blockers \"\"drift\"\"\",t,\n3,bob,who wants pizza?,t,\n4,alice,job failed,t,bmV4dF90czox\n";

fn check(text: &str, kept: &[usize], expected: &str) {
    let segmented = segment(text).expect("rows");
    assert_eq!(segmented.keep(text, &kept.iter().copied().collect()), expected);
}

#[test]
fn the_cursor_moves_to_the_last_kept_row() {
    check(
        SLACK,
        &[1],
        "MsgID,UserName,Text,Time,Cursor\n2,carol,\"Weekly report,\n2 blockers \"\"drift\"\"\",t,bmV4dF90czox\n",
    );
    check(SLACK, &[0, 3], "MsgID,UserName,Text,Time,Cursor\n1,ci,Build green,t,\n4,alice,job failed,t,bmV4dF90czox\n");
    check(SLACK, &[], "MsgID,UserName,Text,Time,Cursor\n4,alice,job failed,t,bmV4dF90czox\n");
}

#[test]
fn a_preamble_stays() {
    let text = format!("[xoxp token: scanned 6 channels, found 6]\n\n{SLACK}");
    let expected = "[xoxp token: scanned 6 channels, found 6]\n\nMsgID,UserName,Text,Time,Cursor\n3,bob,who wants pizza?,t,bmV4dF90czox\n";
    check(&text, &[2], expected);
    let text = "# total: 3\n\ntitle,state\nbroken,open\nslow,open\ntypo,closed";
    check(text, &[0, 2], "# total: 3\n\ntitle,state\nbroken,open\ntypo,closed");
}

#[test]
fn rows_with_carriage_returns_keep_them() {
    check("a,b\r\n1,x\r\n2,y\r\n3,z\r\n", &[0, 2], "a,b\r\n1,x\r\n3,z\r\n");
}

#[test]
fn the_text_column_speaks() {
    let segmented = segment(SLACK).unwrap();
    let spoken: Vec<(&str, &str)> =
        segmented.records().iter().map(|r| (r.spoken.text.as_str(), r.spoken.aside.as_str())).collect();
    assert_eq!(spoken[1], ("Weekly report,\n2 blockers \"drift\"", "carol"));
}

#[test]
fn an_uneven_row_or_an_open_quote_is_no_csv() {
    for text in ["a,b\n1,2\n3\n4,5\n6,7", "a,b\n1,\"2\n3,4\n5,6\n7,8", "a,b\n1,\"2\"x\n3,4\n5,6"] {
        assert!(segment(text).is_none(), "{text}");
    }
}

#[test]
fn what_follows_the_rows_stays() {
    let row = "2,the pipeline is late again and nobody looks into it\n";
    for rest in ["\nShowing 3 of 90 issues.\nUse page=2.\n", "cut off", "4,\"cut off, too\n", "(3 rows)\n"] {
        let text = format!("id,title\n1,\"a\r\nb\"\n{row}3,y\n{rest}");
        check(&text, &[1], &format!("id,title\n{row}{rest}"));
    }
}

#[test]
fn other_delimiters_delimit() {
    for delimiter in ["\t", ";", "|"] {
        let row = |cells: [&str; 2]| cells.join(delimiter) + "\n";
        let text = [row(["id", "title"]), row(["1", "a, b"]), row(["2", "c"]), row(["3", "d"])].concat();
        check(&text, &[0], &[row(["id", "title"]), row(["1", "a, b"])].concat());
    }
}
