//! Redaction: no credential of the gateway leaves it. What a server gives back of the credentials it was given is blotted
//! out of every message by the [`Scrubber`]. The same filter refuses requests that hold a token of ours: a client's token is
//! for the gateway and for no server.

use crate::{Cause, Exchange, Filter, LocalReply, Verdict};
use bytes::Bytes;
use control_plane_api::token;
use protocol::{Members, Message, RpcError, code};
use scrubber::{Dialect, Redacted, Scrubber, Unblottable};
use serde_json::value::RawValue;
use std::{borrow::Cow, ops::ControlFlow};

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

impl Filter for Redaction {
    fn name(&self) -> &'static str {
        "redaction"
    }

    /// What passes while it comes is scanned while it passes ([`Scrubber::scan`]).
    fn needs_whole(&self, _exchange: &Exchange) -> bool {
        false
    }

    fn admit(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        let params = &exchange.request.params;
        let held = params.iter().any(|(name, raw)| token::find(name).is_some() || holds_token(raw))
            || exchange.intent.as_deref().is_some_and(|intent| token::find(intent).is_some());
        if held {
            let told = "the request holds an access token of mcpctl, which is for this gateway only: take it out, and \
                        revoke it with `mcpctl token revoke` if anybody else may have seen it";
            return ControlFlow::Break(LocalReply::refusal(
                Cause::Secret,
                code::INVALID_PARAMS,
                told,
                "an access token of mcpctl in the request",
            ));
        }
        ControlFlow::Continue(())
    }

    fn amend(&self, exchange: &mut Exchange, message: &mut Message) -> Verdict {
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
