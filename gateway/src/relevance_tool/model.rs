//! The models that judge here: loading one for a command, and the list of all.

use super::{Printing, output::Output, trouble::Trouble};
use crate::settings::Settings;
use filters_relevance::encoder::{Encoder, EncoderError};
use std::path::PathBuf;

/// `mcp-gateway relevance models`.
#[derive(Debug, clap::Args)]
pub struct Models {
    #[command(flatten)]
    pub(super) printing: Printing,
}

/// Where the model is looked for.
pub(super) fn folder(settings: &Settings) -> Result<PathBuf, Trouble> {
    settings.model_dir().map_err(|error| Trouble::Usage(error.to_string()))
}

/// Loads the model. It remembers nothing on disk: what a command measures does not depend on the one before.
pub(super) fn load(settings: &Settings) -> Result<Result<Encoder, EncoderError>, Trouble> {
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
