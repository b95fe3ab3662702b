//! Why a command did not do what was asked, in the words and with the exit codes of `mcpctl`.

use filters_relevance::{distill::DistillError, encoder::EncoderError, eval::dataset::DatasetError};

/// What failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// It did not work.
    #[error("{0}")]
    Failed(String),
    /// The command line, or a file it names, is wrong.
    #[error("{0}")]
    Usage(String),
    /// A labelled set cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// No table was made.
    #[error(transparent)]
    Distill(#[from] DistillError),
    /// There is no model, or it does not work.
    #[error(transparent)]
    Model(#[from] EncoderError),
}

impl Trouble {
    /// As `mcpctl --help` lists them.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Dataset(_) | Self::Distill(DistillError::TooFew(_)) => 2,
            Self::Failed(_) | Self::Distill(_) | Self::Model(EncoderError::Compute(_)) => 1,
            Self::Model(_) => 6,
        }
    }

    /// The word in JSON errors.
    pub(super) fn code(&self) -> &'static str {
        match self.exit_code() {
            1 => "failed",
            2 => "usage",
            _ => "unhealthy",
        }
    }
}
