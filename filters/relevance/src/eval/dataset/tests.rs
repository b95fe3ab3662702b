//! Sets are read as they are meant, and a wrong one is told where and why.

use super::*;

fn written(lines: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.jsonl");
    fs::write(&path, lines.join("\n")).unwrap();
    (folder, path)
}

fn check(lines: &[&str], wrong: &str) {
    let (_folder, path) = written(lines);
    let error = read(&path).unwrap_err().to_string();
    assert_eq!(error, format!("`{}`, line {}: {wrong}", path.display(), lines.len()));
}

const FIRST: &str = r#"{"intent":"lost parcels","texts":["hello","a parcel is lost"],"relevant":[1],"source":"made up",
    "authors":["ann","bob"],"threads":[7,null],"core":[1]}"#;

fn first() -> String {
    FIRST.replace('\n', "")
}

#[test]
fn texts_authors_and_threads_become_records_that_later_cases_share() {
    let (_folder, path) = written(&[&first(), "", r#"{"intent":"lunch","texts_of":0,"relevant":[]}"#]);
    let sets = read(&path).unwrap();
    let [set] = sets.as_slice() else { panic!("{sets:?}") };
    assert_eq!((set.name.as_str(), set.cases.len(), set.knows_threads()), ("chat", 2, true));
    let (one, two) = (&set.cases[0], &set.cases[1]);
    assert!(Arc::ptr_eq(&one.records, &two.records));
    assert_eq!((one.relevant.len(), one.core.len(), two.relevant.len()), (1, 1, 0));
    let records = &one.records;
    assert_eq!((records[0].spoken.text.as_str(), records[0].spoken.aside.as_str()), ("hello", "ann"));
    assert_eq!((records[0].spoken.thread.as_deref(), records[1].spoken.thread.as_deref()), (Some("7"), None));
    assert_eq!((records[0].span.clone(), records[1].span.clone()), (0..5, 5..21));
}

#[test]
fn what_is_wrong_is_said_with_file_and_line() {
    check(&["{"], "this is no case: EOF while parsing an object at column 1");
    check(&[r#"{"intent":"a","texts":["x"]}"#], "this is no case: missing field `relevant` at column 28");
    check(
        &[r#"{"intent":"*","texts":["x"],"relevant":[]}"#],
        "the intent `*` asks for everything, so nothing can be relevant to it",
    );
    check(&[r#"{"intent":"a","relevant":[]}"#], "a case has either `texts` or `texts_of`");
    check(&[r#"{"intent":"a","texts":[],"relevant":[]}"#], "`texts` is empty");
    check(
        &[&first(), r#"{"intent":"a","texts_of":1,"relevant":[]}"#],
        "`texts_of` is 1, which is no earlier case; lines count from 0",
    );
    check(
        &[&first(), r#"{"intent":"a","texts_of":0,"relevant":[],"threads":[1,2]}"#],
        "`authors` and `threads` come with `texts`; with `texts_of` they are those of that line",
    );
    check(
        &[r#"{"intent":"a","texts":["x"],"relevant":[1]}"#],
        "`relevant` lists record 1, but there are 1, counted from 0",
    );
    check(&[r#"{"intent":"a","texts":["x"],"relevant":[0,0]}"#], "`relevant` lists record 0 twice");
    check(
        &[r#"{"intent":"a","texts":["x","y"],"relevant":[0],"core":[1]}"#],
        "record 1 is in `core` but not in `relevant`",
    );
    check(
        &[r#"{"intent":"a","texts":["x","y"],"relevant":[0],"authors":["ann"]}"#],
        "there are 1 `authors` for 2 `texts`",
    );
}

#[test]
fn a_folder_is_its_sets_by_name_and_never_nothing() {
    let (folder, path) = written(&[&first()]);
    fs::copy(&path, folder.path().join("a.jsonl")).unwrap();
    fs::write(folder.path().join("README.md"), "not a set").unwrap();
    let names: Vec<String> = read(folder.path()).unwrap().into_iter().map(|set| set.name).collect();
    assert_eq!(names, ["a", "chat"]);
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(read(empty.path()), Err(DatasetError::Empty(_))));
    let missing = read(&empty.path().join("x.jsonl")).unwrap_err().to_string();
    assert!(missing.ends_with("x.jsonl`: no such file or directory"), "{missing}");
    fs::write(folder.path().join("a.jsonl"), [0xff, 0xfe]).unwrap();
    assert!(read(folder.path()).unwrap_err().to_string().ends_with("it is not UTF-8 text"));
}
