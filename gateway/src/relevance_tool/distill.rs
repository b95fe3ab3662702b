//! `relevance distill`: a static table out of the encoder and sentences.

use super::{
    Printing, model,
    output::{Output, grouped},
    trouble::Trouble,
};
use crate::settings::Settings;
use filters_relevance::{
    distill::{self, Progress},
    statics::Table,
};
use serde::Serialize;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Bytes of text that are read in all.
const CORPUS_BYTES_MAX: u64 = 1 << 30;
/// Folders inside folders that are looked into.
const DEPTH_MAX: usize = 16;
/// Bytes of a line that is a sentence: shorter ones say nothing about which words occur together.
const TEXT_BYTES_MIN: usize = 8;

/// `mcp-gateway relevance distill`.
#[derive(Debug, clap::Args)]
pub struct Distill {
    /// A file of sentences, one a line, or a folder of such files.
    corpus: PathBuf,
    /// The folder that the table is written into; made where it is missing.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    #[command(flatten)]
    pub(super) printing: Printing,
}

/// What was made.
#[derive(Serialize)]
struct Made {
    sentences: usize,
    pieces: usize,
    dimensions: usize,
    bytes: usize,
    folder: PathBuf,
}

pub(super) fn run(distill: &Distill, settings: &Settings, output: Output) -> Result<(), Trouble> {
    let sentences = read(&distill.corpus)?;
    let encoder = model::load(settings)??;
    let to = &distill.to;
    fs::create_dir_all(to).map_err(|error| Trouble::Failed(format!("cannot make `{}`: {error}", to.display())))?;
    let told = |progress: Progress| match progress {
        Progress::Encoded(done, of) => output.note(&format!("encoded {} of {}", grouped(done), grouped(of))),
        Progress::Fitted(done, of) => output.note(&format!("fitted in round {done} of {of}")),
    };
    distill::distill(&encoder, &sentences, &told)?.save(to)?;
    // Read back: what was written is what a gateway can use.
    let table = Table::open(to).map_err(|error| Trouble::Failed(error.to_string()))?;
    let made = Made {
        sentences: sentences.len(),
        pieces: table.pieces().len(),
        dimensions: table.size(),
        bytes: table.bytes(),
        folder: to.clone(),
    };
    if output.is_json() {
        return output.json(&made);
    }
    output.raw(&format!(
        "a table of {} pieces with {} values each, {} bytes, out of {} sentences, in `{}`\n",
        grouped(made.pieces),
        made.dimensions,
        grouped(made.bytes),
        grouped(made.sentences),
        made.folder.display(),
    ))
}

/// Every line of a corpus that says something.
fn read(corpus: &Path) -> Result<Vec<String>, Trouble> {
    let mut files = Vec::new();
    collect(corpus, 0, &mut files)?;
    files.sort();
    let mut bytes = 0;
    let mut texts = Vec::new();
    for file in files {
        let text = match fs::read_to_string(&file) {
            // A folder of text may hold a picture; a file that was named is meant.
            Err(error) if error.kind() == io::ErrorKind::InvalidData && file != corpus => continue,
            read => read.map_err(|error| Trouble::Failed(format!("cannot read `{}`: {error}", file.display())))?,
        };
        bytes += text.len() as u64;
        if bytes > CORPUS_BYTES_MAX {
            return Err(Trouble::Usage(format!(
                "`{}` has more than {CORPUS_BYTES_MAX} bytes of text",
                corpus.display()
            )));
        }
        let lines = text.lines().map(str::trim).filter(|line| line.len() >= TEXT_BYTES_MIN);
        texts.extend(lines.map(str::to_owned));
    }
    if texts.is_empty() {
        return Err(Trouble::Usage(format!("`{}` holds no sentences", corpus.display())));
    }
    Ok(texts)
}

fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Trouble> {
    let cannot = |error: io::Error| Trouble::Failed(format!("cannot read `{}`: {error}", path.display()));
    if !fs::metadata(path).map_err(cannot)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    if depth == DEPTH_MAX {
        return Err(Trouble::Usage(format!("`{}` is more than {DEPTH_MAX} folders deep", path.display())));
    }
    for entry in fs::read_dir(path).map_err(cannot)? {
        collect(&entry.map_err(cannot)?.path(), depth + 1, files)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corpus_is_every_sentence_of_a_file_or_of_a_folder_and_never_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(folder.path().join("a.txt"), "The server was late.\nshort\n\n  It was late again.  \n").unwrap();
        fs::write(folder.path().join("deep/b.md"), "Nobody knows why.\n").unwrap();
        fs::write(folder.path().join("picture"), [0xff, 0xd8, 0xff]).unwrap();
        let expected = ["The server was late.", "It was late again.", "Nobody knows why."];
        assert_eq!(read(folder.path()).unwrap(), expected);
        assert_eq!(read(&folder.path().join("deep/b.md")).unwrap(), expected[2..]);
        let wrong = |name: &str| read(&folder.path().join(name)).unwrap_err().to_string();
        assert!(wrong("picture").contains("cannot read") && wrong("no").contains("cannot read"));
        fs::write(folder.path().join("empty"), "\n\n").unwrap();
        assert!(wrong("empty").contains("holds no sentences"));
    }
}
