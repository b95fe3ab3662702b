//! Text of others made harmless: for a terminal, and for a spreadsheet.
//!
//! What a server, a model or a client called a thing may hold line ends, escape sequences that move the cursor or rename the
//! window, marks that turn the reading direction, or a formula. Shown, they are plain letters.

/// Whether a terminal does something at `c` rather than show it: C0 and C1 controls, and marks of direction (UAX #9).
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// `text` on one line, with what acts spelled out.
pub(crate) fn line(text: &str) -> String {
    if !text.contains(acts) {
        return text.to_owned();
    }
    text.chars().map(|c| if acts(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// JSON with what acts spelled out; it stands in strings only, so the value is the same.
pub(crate) fn json(text: &str) -> String {
    let acting = |c: char| acts(c) && c != '\n';
    if !text.contains(acting) {
        return text.to_owned();
    }
    // Everything that acts is in the basic plane, so one escape is enough.
    text.chars().map(|c| if acting(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }).collect()
}

/// A field of CSV (RFC 4180). What a spreadsheet would take for a formula begins with an apostrophe.
pub(crate) fn csv(text: &str) -> String {
    let formula = text.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    let shown = line(text);
    let shown =
        if (formula && text.len() > 1) || text.starts_with(['\t', '\r', '\n']) { format!("'{shown}") } else { shown };
    if shown.contains([',', '"', '\'', ';']) { format!("\"{}\"", shown.replace('"', "\"\"")) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: [&str; 6] = ["\u{1b}]0;owned\u{7}", "a\nb\r", "\u{202e}txt.exe", "\u{9b}31m", "\0", "a\u{2028}b"];

    #[test]
    fn a_09_nothing_acts_on_a_terminal() {
        for text in HOSTILE {
            assert!(!line(text).contains(acts), "{text:?}");
            let value = serde_json::to_string(text).unwrap();
            assert!(!json(&value).contains(acts));
            assert_eq!(serde_json::from_str::<String>(&json(&value)).unwrap(), text);
        }
        assert_eq!(line("日本 é 😀"), "日本 é 😀");
        assert_eq!(line("\u{1b}[2J"), "\\u{1b}[2J");
    }

    #[test]
    fn a_09_nothing_is_a_formula_in_a_spreadsheet() {
        let check = |text: &str, expected: &str| assert_eq!(csv(text), expected);
        check("plain", "plain");
        check("-", "-");
        check("a,b", "\"a,b\"");
        check("say \"x\"", "\"say \"\"x\"\"\"");
        check("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\"");
        for formula in ["=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", " =1", "\u{ff1d}1"] {
            assert!(csv(formula).trim_start_matches('"').starts_with('\''), "{formula:?}");
        }
    }
}
