//! The scrubber: no credential of a process leaves it. What is known as one, in whatever form, is blotted out of everything
//! that goes to clients, into logs and into the audit log.
//!
//! [`Scrubber`] is the one matcher behind all of them; [`log`] puts it in front of a log. Deliberately unknown here: which
//! server a credential is for, and who may have it.

mod forms;
pub mod log;
mod matcher;
mod scan;

pub use control_plane_api::secret::Secret;
pub use forms::SECRET_BYTES_MIN;
pub use scan::{Dialect, Redacted, Scan, Unblottable};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use control_plane_api::token;
use matcher::Matcher;
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
};

/// Credentials out of use that are still looked for: calls in flight may bring them back.
const RETIRED_MAX: usize = 256;

/// A credential and what it is called where it stood.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its name; letters, digits, `-`.
    pub name: Arc<str>,
    /// It.
    pub value: Secret,
}

/// The credentials are more than can be looked for.
#[derive(Debug, thiserror::Error)]
#[error("the credentials are too many or too large to be kept out of replies: {0}")]
pub struct TooMuch(String);

/// What is looked for at one moment: what was found clean then is clean as long as it stays the same.
#[derive(Clone)]
pub struct Sought(Option<Arc<Matcher>>);

impl PartialEq for Sought {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(mine), Some(other)) => Arc::ptr_eq(mine, other),
            (mine, other) => mine.is_none() && other.is_none(),
        }
    }
}

/// Finds and blots out the credentials in use. Clones are the same one.
#[derive(Clone, Default)]
pub struct Scrubber(Arc<Shared>);

#[derive(Default)]
struct Shared {
    matcher: ArcSwapOption<Matcher>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    live: Vec<Credential>,
    retired: Vec<Credential>,
}

impl Scrubber {
    /// Looks for `live` from now on, and for what was looked for before as long as that may still come back.
    ///
    /// # Errors
    /// [`TooMuch`]: nothing has changed.
    pub fn replace(&self, live: Vec<Credential>) -> Result<(), TooMuch> {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.live == live {
            return Ok(());
        }
        let gone = known.live.iter().filter(|old| !live.contains(old));
        let mut retired: Vec<Credential> = known.retired.iter().chain(gone).cloned().collect();
        retired.retain(|old| !live.contains(old));
        retired.drain(..retired.len().saturating_sub(RETIRED_MAX));
        let matcher = Matcher::compile(live.iter().chain(&retired)).map_err(|error| TooMuch(error.to_string()))?;
        self.0.matcher.store(matcher.map(Arc::new));
        *known = Known { live, retired };
        Ok(())
    }

    /// What is looked for now.
    #[must_use]
    pub fn sought(&self) -> Sought {
        Sought(self.0.matcher.load_full())
    }

    /// Reads a text that comes piece by piece.
    #[must_use]
    pub fn scan(&self, dialect: Dialect) -> Scan {
        Scan::new(self.0.matcher.load_full(), dialect)
    }

    /// `text`, lines for people, without credentials and without tokens of ours.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.lines(text, false)
    }

    /// [`Self::text`] of a text that was cut off: also without the beginning of a credential at its end.
    #[must_use]
    pub fn beginning<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.lines(text, true)
    }

    fn lines<'a>(&self, text: &'a str, cut: bool) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        let reads = self.0.matcher.load().is_some();
        let quotes = reads && text.contains('\\');
        for dialect in [reads.then_some(Dialect::Text), quotes.then_some(Dialect::Quoting)].into_iter().flatten() {
            // Lines for people have no structure that could break.
            if let Ok(Some((blotted, _))) = self.whole(text.as_bytes(), dialect, cut) {
                text = Cow::Owned(blotted);
            }
        }
        while let Some(at) = token::find(&text) {
            text.to_mut().replace_range(at, "[redacted:mcpctl-token]");
        }
        text
    }

    /// `raw` without credentials, and which they were; none: there are none in it.
    ///
    /// # Errors
    /// [`Unblottable`] when it would not be JSON any more.
    pub fn json(&self, raw: &RawValue) -> Result<Option<(Box<RawValue>, Redacted)>, Unblottable> {
        let Some((text, redacted)) = self.whole(raw.get().as_bytes(), Dialect::Json, false)? else {
            return Ok(None);
        };
        let name = redacted.keys().next().cloned().unwrap_or_else(|| Arc::from("credential"));
        let raw = RawValue::from_string(text).map_err(|_| Unblottable(name))?;
        Ok(Some((raw, redacted)))
    }

    /// None: it may pass as it is.
    fn whole(&self, text: &[u8], dialect: Dialect, cut: bool) -> Result<Option<(String, Redacted)>, Unblottable> {
        if self.scan(dialect).finds_nothing(text, cut) {
            return Ok(None);
        }
        let mut scan = self.scan(dialect);
        let mut out = scan.push(Bytes::copy_from_slice(text))?.to_vec();
        let (rest, redacted) = if cut { scan.finish_cut()? } else { scan.finish()? };
        out.extend_from_slice(&rest);
        Ok(Some((String::from_utf8_lossy(&out).into_owned(), redacted)))
    }
}

#[cfg(test)]
mod tests;
