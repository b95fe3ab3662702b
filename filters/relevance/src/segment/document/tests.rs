//! Tests: what a document's parts are, and what is no document.

use super::*;

/// A section that is too long to be one record.
fn long_section(title: &str) -> String {
    format!(
        "## {title}\n\n{}",
        (0..22).map(|n| format!("Paragraph {n} of {title} says a few words about {n}.\n\n")).collect::<String>()
    )
}

fn check(text: &str, kept: &[usize], expected: &str) {
    let segmented = under_headings(text).expect("a document");
    assert_eq!(segmented.keep(text, &kept.iter().copied().collect()), expected);
}

#[test]
fn short_sections_are_records() {
    let section = |n: u8| format!("## Issue {n}\n\n**Status**: open\n\n- one\n- two\n\n");
    let text = format!("# Found 3 issues\n\n{}{}{}", section(1), section(2), section(3));
    check(&text, &[1], &format!("# Found 3 issues\n\n{}", section(2)));
}

#[test]
fn parts_of_long_sections_keep_the_headings_above() {
    let text = format!("# Guide\n\n{}{}", long_section("Setup"), long_section("Usage"));
    check(
        &text,
        &[3, 27],
        "# Guide\n\n## Setup\n\nParagraph 3 of Setup says a few words about 3.\n\n## Usage\n\nParagraph 5 of Usage says a few words about 5.\n\n",
    );
    let found = under_headings(&text).unwrap();
    assert_eq!(found.records()[27].spoken.text, "Usage \nParagraph 5 of Usage says a few words about 5.");
}

#[test]
fn code_stays_whole_and_rows_keep_their_header() {
    let code = "```sh\n# not a heading\n\nmake\n```\n\n";
    let table = "| a | b |\n|---|---|\n| 1 | x |\n| 2 | y |\n\n";
    let text = format!("# Guide\n\n{}{code}{table}- item\n  more\n\n- next\n", long_section("Setup"));
    check(
        &text,
        &[22, 24, 25],
        &format!("# Guide\n\n## Setup\n\n{code}| a | b |\n|---|---|\n| 2 | y |\n\n- item\n  more\n"),
    );
}

#[test]
fn paragraphs_of_prose_are_records() {
    let paragraph = |n: u8| format!("This is what was said about number {n}, over\r\na line and a half or so.\r\n\r\n");
    let text: String = (0..8).map(paragraph).collect();
    let found = of_prose(&text).expect("prose");
    assert_eq!(found.keep(&text, &[2, 4].into()), [paragraph(2), paragraph(4)].concat());
}

#[test]
fn code_and_configuration_are_no_documents() {
    for text in [
        "#!/bin/sh\n\n# Builds it\ncd x\nexport A=b\n\n# Tests it\nmake test && echo ok\n\n# Ends\nexit 0\n",
        "# The port\nport = 1\n\n# The host\nhost = \"x\"\n\n# The rest\nrest = [\n  1,\n]\n",
        "import os\n\n# Reads it\ndef read(path):\n    return open(path)\n\n# Writes it\ndef write(path):\n    pass\n",
    ] {
        assert!(under_headings(text).is_none() && of_prose(text).is_none(), "{text}");
    }
}
