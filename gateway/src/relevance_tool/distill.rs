//! `relevance distill`: a static table out of the encoder, for a vocabulary weighted by a corpus.

use super::{Printing, model, output::Output, trouble::Trouble};
use crate::settings::Settings;
use filters_relevance::distill;
use serde::Serialize;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Bytes of text that are read in all.
const CORPUS_BYTES_MAX: u64 = 1 << 30;
/// Folders inside folders that are looked into.
const DEPTH_MAX: usize = 16;
/// Shorter lines say nothing about which words occur together with which.
const TEXT_BYTES_MIN: usize = 8;

/// `mcp-gateway relevance distill`.
#[derive(Debug, clap::Args)]
pub struct Distill {
    /// A file of sentences, one a line, or a folder of such files.
    corpus: PathBuf,
    /// Where the table is written.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    pub(super) printing: Printing,
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
            return Err(Trouble::Usage(format!("`{}` has more than {CORPUS_BYTES_MAX} bytes of text", corpus.display())));
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
