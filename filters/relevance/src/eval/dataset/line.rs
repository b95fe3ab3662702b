//! One line of a labelled set: its JSON, checked against itself and against the lines before it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::Case;
use crate::intent::Intent;
use crate::segment::Record;
use crate::segment::speaking::Spoken;

/// A line as it is written.
#[derive(Deserialize)]
struct Line {
    intent: String,
    texts: Option<Vec<String>>,
    texts_of: Option<usize>,
    relevant: Vec<usize>,
    authors: Option<Vec<String>>,
    threads: Option<Vec<Value>>,
    #[serde(default)]
    core: Vec<usize>,
}

/// Reads a line; `earlier` are the cases of the lines before it. The error says what is wrong, for a person.
pub(super) fn case(line: &str, earlier: &[Option<Case>]) -> Result<Case, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| format!("this is no case: {}", reason(&error)))?;
    let intent = Intent::read(&line.intent)
        .ok_or_else(|| format!("the intent `{}` asks for everything, so nothing can be relevant to it", line.intent))?;
    let records = match (&line.texts, line.texts_of) {
        (Some(texts), None) => Arc::new(records(&line, texts)?),
        (None, Some(_)) if line.authors.is_some() || line.threads.is_some() => {
            return Err("`authors` and `threads` come with `texts`; with `texts_of` they are those of that line".into());
        }
        (None, Some(index)) => {
            let case = earlier.get(index).and_then(Option::as_ref);
            let case =
                case.ok_or_else(|| format!("`texts_of` is {index}, which is no earlier case; lines count from 0"))?;
            Arc::clone(&case.records)
        }
        _ => return Err("a case has either `texts` or `texts_of`".to_owned()),
    };
    let relevant = indices("relevant", &line.relevant, records.len())?;
    let core = indices("core", &line.core, records.len())?;
    if let Some(stray) = core.difference(&relevant).next() {
        return Err(format!("record {stray} is in `core` but not in `relevant`"));
    }
    Ok(Case { intent, records, relevant, core })
}

/// The records as the filter would find them. Each takes as many bytes as its text, one behind the other.
fn records(line: &Line, texts: &[String]) -> Result<Vec<Record>, String> {
    if texts.is_empty() {
        return Err("`texts` is empty".to_owned());
    }
    for (name, count) in
        [("authors", line.authors.as_ref().map(Vec::len)), ("threads", line.threads.as_ref().map(Vec::len))]
    {
        if let Some(count) = count.filter(|count| *count != texts.len()) {
            return Err(format!("there are {count} `{name}` for {} `texts`", texts.len()));
        }
    }
    let mut start = 0;
    let record = |(index, text): (usize, &String)| {
        let author = line.authors.as_ref().and_then(|authors| authors.get(index)).cloned();
        let thread = line.threads.as_ref().and_then(|threads| threads.get(index));
        let spoken = Spoken {
            aside: author.unwrap_or_default(),
            thread: thread.and_then(thread_name),
            ..Spoken::of_words(text)
        };
        let span = start..start + text.len();
        start = span.end;
        Record { span, spoken }
    };
    Ok(texts.iter().enumerate().map(record).collect())
}

/// A thread's name or number; `null` is a record outside of any.
fn thread_name(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(name) => Some(name.clone()),
        other => Some(other.to_string()),
    }
}

fn indices(name: &str, listed: &[usize], records: usize) -> Result<BTreeSet<usize>, String> {
    let mut indices = BTreeSet::new();
    for &index in listed {
        if index >= records {
            return Err(format!("`{name}` lists record {index}, but there are {records}, counted from 0"));
        }
        if !indices.insert(index) {
            return Err(format!("`{name}` lists record {index} twice"));
        }
    }
    Ok(indices)
}

/// What the JSON reader says, with the column alone: it saw one line.
fn reason(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}
