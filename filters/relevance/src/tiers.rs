//! Optional last tiers: judges that are asked about the few records the cascade is least sure of.
//!
//! A [`Reranker`] is slower and better than the encoder: a [`cross_encoder`] or a small [`llm`] in this process, or, in
//! the gateway, a model behind HTTP or a program. None is on unless the operator names it. [`prompt`] is what those that
//! are asked in words are asked, and how their answers are read; [`breaker`] leaves one alone that keeps failing.
//! Nothing here knows which records are doubtful or what becomes of an answer: that is [`crate::rerank`].

pub mod breaker;
pub mod cross_encoder;
#[cfg(feature = "llm")]
pub mod llm;
pub mod prompt;

use std::time::Instant;

/// How the probabilities of a tier are to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// As they are: a half means that it does not know.
    Absolute,
    /// As an order: this tier leans to one side, so that only comparing its answers tells something.
    Relative,
}

/// Why a tier gave no answer. Never holds a key, an answer, or a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TierError {
    /// It cannot be used as it is set up.
    #[error("{0}")]
    Unusable(String),
    /// Time ran out before the first answer.
    #[error("time ran out")]
    Late,
    /// It failed, or answered what cannot be read.
    #[error("{0}")]
    Failed(String),
    /// It failed several times and is left alone for a while.
    #[error("it failed several times and is left alone for a while")]
    Resting,
}

/// A last tier.
pub trait Reranker: Send + Sync {
    /// As it is written in notes, metrics and the audit log.
    fn name(&self) -> &'static str;

    /// How its probabilities are to be taken.
    fn scale(&self) -> Scale;

    /// The probability that each of `texts` is relevant to `intent`, parallel to `texts`; `None` is one that was not
    /// judged. Texts are given in the order in which answers matter. Blocks, at most until `deadline`: it is called on the
    /// threads of relevance, never on those of the network.
    ///
    /// # Errors
    /// [`TierError`] when there is no answer for any text.
    fn judge(&self, intent: &str, texts: &[&str], deadline: Instant) -> Result<Vec<Option<f64>>, TierError>;
}

/// A tier for tests: answers what it was made with, and notes what it was asked.
#[cfg(test)]
pub(crate) mod testing {
    use super::{Reranker, Scale, TierError};
    use std::{sync::Mutex, time::Instant};

    type Answer = Box<dyn Fn(&str) -> Result<Option<f64>, TierError> + Send + Sync>;

    pub(crate) struct Fake {
        scale: Scale,
        answer: Answer,
        pub(crate) asked: Mutex<Vec<Vec<String>>>,
    }

    impl Fake {
        pub(crate) fn new(
            scale: Scale,
            answer: impl Fn(&str) -> Result<Option<f64>, TierError> + Send + Sync + 'static,
        ) -> Self {
            Self { scale, answer: Box::new(answer), asked: Mutex::default() }
        }
    }

    impl Reranker for Fake {
        fn name(&self) -> &'static str {
            "fake"
        }

        fn scale(&self) -> Scale {
            self.scale
        }

        fn judge(&self, _: &str, texts: &[&str], _: Instant) -> Result<Vec<Option<f64>>, TierError> {
            self.asked.lock().unwrap().push(texts.iter().map(|text| (*text).to_owned()).collect());
            texts.iter().map(|text| (self.answer)(text)).collect()
        }
    }
}
