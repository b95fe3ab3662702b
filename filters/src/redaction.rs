//! Redaction: no credential of the gateway leaves it. What a server gives back of the credentials it was given, in whatever
//! form, is blotted out of everything that goes to clients, into logs and into the audit log.
//!
//! [`Scrubber`] is the one matcher behind all three; [`Redaction`] is the filter that uses it on messages. The same filter
//! refuses requests that hold a token of ours: a client's token is for the gateway and for no server. Deliberately unknown
//! here: which server a credential is for, and who may have it.

mod forms;
mod matcher;
mod scan;

pub use control_plane_api::secret::Secret;
pub use forms::SECRET_BYTES_MIN;
pub use scan::{Dialect, Redacted, Scan, Unblottable};

use crate::{Exchange, Filter, LocalReply, Verdict};
use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use bytes::Bytes;
use control_plane_api::token;
use matcher::Matcher;
use protocol::{Members, Message, RpcError, code};
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    ops::ControlFlow,
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
        let quotes = text.contains('\\');
        for dialect in [Some(Dialect::Text), quotes.then_some(Dialect::Quoting)].into_iter().flatten() {
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

/// The filter: see the module.
pub struct Redaction(Scrubber);

impl Redaction {
    /// A filter that blots out what `scrubber` looks for.
    #[must_use]
    pub fn new(scrubber: Scrubber) -> Self {
        Self(scrubber)
    }

    fn value(&self, exchange: &mut Exchange, raw: &mut Box<RawValue>) -> Result<(), Unblottable> {
        if let Some((blotted, redacted)) = self.0.json(raw)? {
            note(exchange, &redacted);
            *raw = blotted;
        }
        Ok(())
    }

    fn members(&self, exchange: &mut Exchange, members: &mut Members) -> Result<(), Unblottable> {
        let mut raw = members.to_raw();
        if let Some((blotted, redacted)) = self.0.json(&raw)? {
            note(exchange, &redacted);
            raw = blotted;
            *members = Members::open(&raw).unwrap_or_default();
        }
        Ok(())
    }

    fn error(&self, exchange: &mut Exchange, error: &mut RpcError) -> Result<(), Unblottable> {
        if let Cow::Owned(blotted) = self.0.text(&error.message) {
            let mut scan = self.0.scan(Dialect::Text);
            scan.push(Bytes::copy_from_slice(error.message.as_bytes()))?;
            note(exchange, &scan.finish()?.1);
            error.message = blotted;
        }
        error.data.as_mut().map_or(Ok(()), |data| self.value(exchange, data))
    }
}

#[async_trait]
impl Filter for Redaction {
    fn name(&self) -> &'static str {
        "redaction"
    }

    /// What passes while it comes is scanned while it passes ([`Scrubber::scan`]).
    fn needs_whole(&self, _exchange: &Exchange) -> bool {
        false
    }

    async fn on_request(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        let params = &exchange.request.params;
        let held = params.iter().any(|(name, raw)| token::find(name).is_some() || holds_token(raw))
            || exchange.intent.as_deref().is_some_and(|intent| token::find(intent).is_some());
        if held {
            let told = "the request holds an access token of mcpctl, which is for this gateway only: take it out, and \
                        revoke it with `mcpctl token revoke` if anybody else may have seen it";
            return ControlFlow::Break(LocalReply::refusal(
                code::INVALID_PARAMS,
                told,
                "an access token of mcpctl in the request",
            ));
        }
        ControlFlow::Continue(())
    }

    async fn on_message(&self, exchange: &mut Exchange, message: &mut Message) -> Verdict {
        let blotted = match message {
            Message::Notification(note) => self.members(exchange, &mut note.params),
            Message::Request(request) => self.members(exchange, &mut request.params),
            Message::Response(response) => {
                let blotted = match &mut response.payload {
                    Ok(result) => self.value(exchange, result),
                    Err(error) => self.error(exchange, error),
                };
                if let Err(error) = blotted {
                    note(exchange, &Redacted::from([(error.0.clone(), 1)]));
                    response.payload = Err(RpcError::new(code::INTERNAL_ERROR, error.to_string()));
                }
                return Verdict::Pass;
            }
        };
        match blotted {
            Ok(()) => Verdict::Pass,
            Err(error) => {
                note(exchange, &Redacted::from([(error.0, 1)]));
                Verdict::Drop
            }
        }
    }
}

/// Notes in `exchange` what was blotted out of what leaves for its client.
pub fn note(exchange: &mut Exchange, redacted: &Redacted) {
    for (name, times) in redacted {
        *exchange.redacted.entry(name.clone()).or_default() += times;
    }
}

/// Whether a token of ours stands in a value of a request, however it is escaped.
fn holds_token(raw: &RawValue) -> bool {
    let text = raw.get();
    if token::find(text).is_some() {
        return true;
    }
    text.contains("\\u")
        && serde_json::from_str(text).is_ok_and(|value| any_text(&value, &|text| token::find(text).is_some()))
}

fn any_text(value: &serde_json::Value, is: &impl Fn(&str) -> bool) -> bool {
    match value {
        serde_json::Value::String(text) => is(text),
        serde_json::Value::Array(items) => items.iter().any(|item| any_text(item, is)),
        serde_json::Value::Object(members) => members.iter().any(|(name, value)| is(name) || any_text(value, is)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
