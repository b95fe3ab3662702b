//! Every variable of the environment: what `mcpctl help environment` says, and the options of the services.

use super::said;

/// A variable, or several that are one.
struct Variable {
    names: String,
    programs: Vec<&'static str>,
    meaning: String,
    default: String,
}

pub(super) fn table() -> String {
    let mut variables: Vec<Variable> = Vec::new();
    let services =
        ["mcpd", "mcp-gateway"].into_iter().flat_map(|program| of_service(program, &said(program, &["--help"])));
    for variable in of_cli(&said("mcpctl", &["help", "environment"])).into_iter().chain(services) {
        match variables.iter_mut().find(|known| known.names == variable.names) {
            Some(known) => known.programs.extend(variable.programs),
            None => variables.push(variable),
        }
    }
    let row = |variable: &Variable| {
        let names: Vec<String> = variable.names.split(", ").map(|name| format!("`{name}`")).collect();
        let (programs, meaning) = (variable.programs.join(", "), cell(&variable.meaning));
        format!("| {} | {programs} | {meaning} | {} |\n", names.join(", "), value(&variable.default))
    };
    let rows: String = variables.iter().map(row).collect();
    format!("| variable | who reads it | meaning | default |\n|---|---|---|---|\n{rows}")
}

/// Lines of two columns; a line without a name goes on with the one before.
fn of_cli(help: &str) -> Vec<Variable> {
    let mut rows: Vec<(String, String)> = Vec::new();
    for line in help.lines().filter(|line| line.starts_with("  ")) {
        match line.trim_start().split_once("  ").filter(|_| !line.starts_with("   ")) {
            Some((names, text)) => rows.push((names.to_owned(), text.trim().to_owned())),
            None => rows.iter_mut().next_back().into_iter().for_each(|(_, text)| {
                text.push(' ');
                text.push_str(line.trim());
            }),
        }
    }
    rows.into_iter().map(|(names, text)| split(names, "mcpctl", &text)).collect()
}

/// Every option that a variable sets, too: `[env: NAME=…]` in the text of the option.
fn of_service(program: &'static str, help: &str) -> Vec<Variable> {
    let mut options: Vec<String> = Vec::new();
    for line in help.lines() {
        match line.trim_start().starts_with("--") && line.starts_with("      ") && !line.starts_with("          ") {
            true => options.push(String::new()),
            false => options.iter_mut().next_back().into_iter().for_each(|text| {
                text.push(' ');
                text.push_str(line.trim());
            }),
        }
    }
    options.iter().filter_map(|text| of_option(program, text)).collect()
}

fn of_option(program: &'static str, text: &str) -> Option<Variable> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, after) = text.split_once("[env: ")?;
    let name = after.split(['=', ']']).next()?.to_owned();
    let meaning = ["[env:", "[default:", "[possible values:", "Possible values:"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .map_or(text.as_str(), |end| text[..end].trim());
    let mut variable = split(name, program, meaning);
    let values = values(&text);
    if !values.is_empty() {
        variable.meaning = format!("{}: {}", variable.meaning.trim_end_matches('.'), values.join(", "));
    }
    if let Some(default) = bracketed(&text, "[default: ") {
        variable.default = default.replace("/home/of/whoever/asks", "~");
    }
    Some(variable)
}

/// The words that it takes: `- WORD: what it does`.
fn values(text: &str) -> Vec<String> {
    let Some((_, after)) = text.split_once("Possible values: ") else { return Vec::new() };
    let list = after.split("[env:").next().unwrap_or_default();
    let word = |part: &str| part.split_once(':').map(|(word, _)| word.to_owned());
    let words = list.trim_start_matches("- ").split(" - ").filter_map(word).filter(|word| !word.contains(' '));
    words.map(|word| format!("`{word}`")).collect()
}

/// What stands in a pair of brackets that begins so; there may be brackets within.
fn bracketed(text: &str, begin: &str) -> Option<String> {
    let (_, after) = text.split_once(begin)?;
    let mut depth = 1_usize;
    let end = after.find(|letter| {
        match letter {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        depth == 0
    })?;
    Some(after[..end].to_owned())
}

/// Texts say the default themselves in one of these ways.
fn split(names: String, program: &'static str, text: &str) -> Variable {
    let in_words = ["; default: ", "; unset: "].iter().find_map(|mark| text.split_once(mark));
    let (meaning, default) = match in_words {
        Some((meaning, default)) => match default.rsplit_once(" (setting ") {
            Some((default, setting)) => (format!("{meaning} (setting {setting}"), default.to_owned()),
            None => (meaning.to_owned(), default.to_owned()),
        },
        None => match text.split_once("(default ").and_then(|(before, after)| Some((before, after.split_once(')')?.0)))
        {
            Some((meaning, default)) => (meaning.trim().to_owned(), default.to_owned()),
            None => (text.to_owned(), String::new()),
        },
    };
    Variable { names, programs: vec![program], meaning, default }
}

/// A default; code where it is nothing but a value.
fn value(default: &str) -> String {
    let text = cell(default);
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._:/,~-[]".contains(letter);
    if !text.is_empty() && text.chars().all(plain) { format!("`{text}`") } else { text }
}

fn cell(text: &str) -> String {
    text.trim().trim_end_matches('.').replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::{bracketed, of_cli, of_service};

    #[test]
    fn variables_are_found_in_what_programs_say() {
        let help = "Variables\n\n  A_HOME     where things are\n             kept (default ~/.a)\n  B, C       both; default: none (setting `b`)\n\nThat is all.\n";
        let rows: Vec<_> = of_cli(help).into_iter().map(|row| (row.names, row.meaning, row.default)).collect();
        let row = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(rows, [row("A_HOME", "where things are kept", "~/.a"), row("B, C", "both (setting `b`)", "none")]);

        let help = "Options:\n      --one <ONE>\n          What it is; default: unset\n          \n          [env: ONE=]\n\n      --two\n          No variable\n\n      --three <T>\n          Three\n\n          Possible values:\n          - a:  An a\n          - bc: Not a\n          [env: THREE]\n          [default: [::1]]\n";
        let rows: Vec<_> =
            of_service("mcpd", help).into_iter().map(|row| (row.names, row.meaning, row.default)).collect();
        assert_eq!(rows, [row("ONE", "What it is", "unset"), row("THREE", "Three: `a`, `bc`", "[::1]")]);
        assert_eq!(bracketed("[default: a [b] c] d", "[default: ").unwrap(), "a [b] c");
    }
}
