//! The models that judge here: loading one for a command, and the list of all.

use super::{
    Printing,
    output::{Output, grouped, numbers, table, words},
    trouble::Trouble,
};
use crate::settings::Settings;
use filters_relevance::{
    encoder::{Encoder, EncoderError},
    judge::Tier,
    statics::Table,
};
use serde::Serialize;
use std::path::PathBuf;

/// The encoder, as its folder is called, and the table inside the program.
const ENCODER: &str = "all-MiniLM-L6-v2";
const TABLE: &str = "static-table";

/// `mcp-gateway relevance models`.
#[derive(Debug, clap::Args)]
pub struct Models {
    #[command(flatten)]
    pub(super) printing: Printing,
}

/// A model.
#[derive(Serialize)]
struct Model {
    name: &'static str,
    /// The tiers of judging that it has a part in.
    tiers: Vec<&'static str>,
    built_in: bool,
    /// Whether it can be used; if not, why.
    state: String,
    /// Bytes in memory.
    bytes: Option<u64>,
    /// Values of an embedding.
    dimensions: Option<usize>,
    /// Word pieces that have a vector.
    pieces: Option<usize>,
    /// Which one it is: of the file that it was built from.
    sha256: Option<String>,
    folder: Option<PathBuf>,
}

pub(super) fn run(settings: &Settings, output: Output) -> Result<(), Trouble> {
    let shipped = Table::shipped();
    let built_in = Model {
        name: TABLE,
        tiers: vec![Tier::Encoder.name(), Tier::Static.name()],
        built_in: true,
        state: "ok".to_owned(),
        bytes: Some(shipped.bytes() as u64),
        dimensions: Some(shipped.size()),
        pieces: Some(shipped.pieces().len()),
        sha256: Some(hex::encode(Table::shipped_digest())),
        folder: None,
    };
    let encoder = Model {
        name: ENCODER,
        tiers: vec![Tier::Encoder.name()],
        built_in: false,
        state: load(settings)?.err().map_or_else(|| "ok".to_owned(), |error| error.to_string()),
        bytes: None,
        dimensions: None,
        pieces: None,
        sha256: None,
        folder: Some(folder(settings)?),
    };
    let models = [built_in, encoder];
    if output.is_json() {
        return output.json(&models);
    }
    let columns = [words("NAME"), words("STATE"), numbers("BYTES"), words("USED BY"), words("FOLDER")];
    let row = |model: &Model| {
        vec![
            model.name.to_owned(),
            model.state.clone(),
            model.bytes.map_or_else(|| "-".to_owned(), |bytes| grouped(usize::try_from(bytes).unwrap_or(usize::MAX))),
            model.tiers.join(", "),
            model.folder.as_ref().map_or_else(|| "(built in)".to_owned(), |folder| folder.display().to_string()),
        ]
    };
    output.raw(&table(&columns, models.iter().map(row)))
}

/// Where the model is looked for.
pub(super) fn folder(settings: &Settings) -> Result<PathBuf, Trouble> {
    settings.model_dir().map_err(|error| Trouble::Usage(error.to_string()))
}

/// Loads the model, and the table inside the program, so that neither is part of what is measured. It remembers nothing on
/// disk: what a command measures does not depend on the one before.
pub(super) fn load(settings: &Settings) -> Result<Result<Encoder, EncoderError>, Trouble> {
    let _ = Table::shipped();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Encoder::load(&folder(settings)?, threads))
}

/// The largest part of this process that ever was in memory, in bytes; none where the system does not tell.
pub(super) fn memory_peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
