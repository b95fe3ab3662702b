//! A `console` block: commands, and the output that is expected of them.

/// Begins a command.
const PROMPT: &str = "$ ";
/// Begins a line with which a command goes on.
const CONTINUED: &str = "> ";
/// Stands for anything in a line, and alone for any number of lines.
const ANYTHING: &str = "…";

/// A command, the line it stands in counted from the block's first, and what it is to say: nothing in particular if
/// that is empty.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) offset: usize,
    pub(crate) text: String,
    pub(crate) expected: Vec<String>,
}

/// The commands of a block.
pub(crate) fn commands(block: &str) -> Result<Vec<Command>, String> {
    let mut commands: Vec<Command> = Vec::new();
    for (offset, line) in block.lines().enumerate() {
        if let Some(text) = line.strip_prefix(PROMPT) {
            commands.push(Command { offset, text: text.to_owned(), expected: Vec::new() });
            continue;
        }
        let command = commands.last_mut().ok_or("the block does not begin with `$ ` and a command")?;
        let goes_on = line.strip_prefix(CONTINUED).or((line == CONTINUED.trim_end()).then_some(""));
        match goes_on.filter(|_| command.expected.is_empty()) {
            Some(text) => command.text.extend(["\n", text]),
            None => command.expected.push(line.to_owned()),
        }
    }
    Ok(commands)
}

/// Whether `actual` is what was expected.
pub(crate) fn fits(expected: &[String], actual: &str) -> bool {
    let expected: Vec<String> = trimmed(expected.iter().map(String::as_str));
    expected.is_empty() || lines_fit(&expected, &trimmed(actual.lines()))
}

/// Whether the lines stand in `text` one after the other.
pub(crate) fn is_found(expected: &str, text: &str) -> bool {
    let inner = trimmed(expected.lines());
    let around = |lines: Vec<String>| {
        let anything = || std::iter::once(ANYTHING.to_owned());
        anything().chain(lines).chain(anything()).collect::<Vec<_>>()
    };
    lines_fit(&around(inner), &trimmed(text.lines()))
}

/// The lines with runs of spaces as one, without empty ones at both ends.
fn trimmed<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut lines: Vec<String> = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    let empty = lines.iter().take_while(|line| line.is_empty()).count();
    lines.split_off(empty)
}

/// Line by line; `reached` are the places of `actual` up to which the pattern so far may have come.
fn lines_fit(pattern: &[String], actual: &[String]) -> bool {
    let mut reached = vec![false; actual.len() + 1];
    reached[0] = true;
    for expected in pattern {
        let mut next = vec![false; actual.len() + 1];
        if expected == ANYTHING {
            let first = reached.iter().position(|place| *place).unwrap_or(reached.len());
            next.iter_mut().skip(first).for_each(|place| *place = true);
        } else {
            for (at, line) in actual.iter().enumerate().filter(|(at, _)| reached[*at]) {
                next[at + 1] = line_fits(expected, line);
            }
        }
        reached = next;
    }
    reached[actual.len()]
}

/// Pieces between `…` stand in the line in their order, the first at its beginning and the last at its end.
fn line_fits(pattern: &str, line: &str) -> bool {
    let Some((first, rest)) = pattern.split_once(ANYTHING) else { return pattern == line };
    let Some(mut line) = line.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = rest.split(ANYTHING).collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some((_, after)) = line.split_once(piece) else { return false };
        line = after;
    }
    line.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{commands, fits, is_found};

    #[test]
    fn commands_go_on_and_have_their_output() {
        let block = "$ cat <<X\n> a\n>\n> X\na\n\n> not a command\n$ true\n";
        let commands = commands(block).unwrap();
        assert_eq!(commands[0].text, "cat <<X\na\n\nX");
        assert_eq!(commands[0].expected, ["a", "", "> not a command"]);
        assert_eq!((commands[1].offset, commands[1].expected.len()), (7, 0));
        assert!(super::commands("true\n").is_err());
    }

    #[test]
    fn output_fits_line_by_line() {
        let check = |expected: &str, actual: &str, does: bool| {
            let lines: Vec<String> = expected.lines().map(str::to_owned).collect();
            assert_eq!(fits(&lines, actual), does, "{expected:?} {actual:?}");
        };
        check("a  b", "a b\n", true);
        check("a", "a\nb", false);
        check("a\nb", "a", false);
        check("a", "\na\n\n", true);
        check("a\n…\nd", "a\nb\nc\nd", true);
        check("a\n…\nd", "a\nd", true);
        check("a\n…", "b\nc", false);
        check("…\nb\n…", "a\nb\nb\nc", true);
        check("took … ms", "took 12 ms", true);
        check("took … ms", "took 12 s", false);
        check("a…a", "a", false);
        check("…b…d", "a b c d", true);
        check("a…c", "a b d", false);
        check("", "whatever", true);
    }

    #[test]
    fn a_block_is_found_in_a_file_in_order_and_without_gaps() {
        assert!(is_found("b\nc", "a\nb\nc\nd"));
        assert!(is_found("  b", "a\n b"));
        assert!(!is_found("b\nd", "a\nb\nc\nd"));
        assert!(is_found("b\n…\nd", "a\nb\nc\nd"));
        assert!(!is_found("c\nb", "a\nb\nc"));
    }
}
