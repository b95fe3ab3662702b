//! Merged lists: decided anew each time, but made into text once for all who see the same.
//!
//! Permissions say of every entry whether who asks may see it. Where exactly these entries passed the chain before, under
//! this configuration and with the same credentials looked for, the text that came of it is the answer; else they pass it now.

use super::{Client, Pipeline, caller_of};
use crate::{catalog::listing::Listing, metrics::Phase, record::Record, translation};
use control_plane_api::audit::Outcome;
use filters::Verdict;
use protocol::{Message, Response, RpcError, code};
use scrubber::Sought;
use serde_json::value::RawValue;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

/// Bytes of the texts that are kept; of one configuration.
const TEXTS_BYTES_MAX: usize = 16 << 20;

/// The texts of the lists that were asked for last.
#[derive(Default)]
pub(crate) struct Texts(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// The one asked for last is the last.
    texts: VecDeque<(Seen, Arc<RawValue>)>,
    bytes: usize,
}

/// Everything that a text depends on.
#[derive(PartialEq)]
struct Seen {
    listing: Listing,
    project: Option<String>,
    sought: Sought,
}

impl Texts {
    /// The text of what is `seen`, if it is known.
    fn find(&self, seen: &Seen) -> Option<Arc<RawValue>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.texts.iter().rposition(|(other, _)| other == seen)?;
        let found = kept.texts.remove(at)?;
        let text = found.1.clone();
        kept.texts.push_back(found);
        Some(text)
    }

    /// Of a page that is not the last nothing is kept: no two of them are equal.
    fn keep(&self, seen: Seen, text: &RawValue) {
        if !seen.listing.is_last() {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Two may have asked at once.
        if text.get().len() > TEXTS_BYTES_MAX || kept.texts.iter().any(|(other, _)| *other == seen) {
            return;
        }
        kept.bytes += text.get().len();
        kept.texts.push_back((seen, Arc::from(text.to_owned())));
        while kept.bytes > TEXTS_BYTES_MAX
            && let Some((_, oldest)) = kept.texts.pop_front()
        {
            kept.bytes -= oldest.get().len();
        }
    }
}

impl Pipeline {
    /// Answers a request for a merged list.
    pub(super) async fn list(&self, mut record: Box<Record>, client: Client) {
        let seen = match self.seen(&record) {
            Ok(seen) => seen,
            Err(error) => {
                let payload = self.amended(&mut record, Err(error)).await;
                return self.finish(record, payload, client).await;
            }
        };
        if let Some(text) = self.texts.find(&seen) {
            return self.finish_as(Outcome::Ok, record, Ok((*text).to_owned()), client).await;
        }
        let payload = self.amended(&mut record, Ok(seen.listing.to_raw())).await;
        // What a credential was blotted out of is told of each time; and where another table or another decision came between,
        // the filters did not see what was seen here.
        if let Ok(text) = &payload
            && record.exchange.redacted.is_empty()
            && self.seen(&record).is_ok_and(|now| now == seen)
        {
            self.texts.keep(seen, text);
        }
        self.finish(record, payload, client).await;
    }

    /// The page that is asked for, as far as who asks may see it, with what else its text depends on.
    fn seen(&self, record: &Record) -> Result<Seen, RpcError> {
        let exchange = &record.exchange;
        let listing = self.catalog.of(exchange).list(&exchange.request, &caller_of(exchange))?;
        let listing = listing.pruned(|primitive| self.rests.permissions.shows(exchange, primitive));
        Ok(Seen { listing, project: exchange.project.clone(), sought: self.scrubber.sought() })
    }

    /// `payload` as the filters leave it.
    async fn amended(
        &self,
        record: &mut Record,
        payload: Result<Box<RawValue>, RpcError>,
    ) -> Result<Box<RawValue>, RpcError> {
        record.enters(Phase::ReplyFilters);
        let id = Some(record.exchange.request.id.clone());
        let mut message = Message::Response(Response { id, payload });
        match (self.chain.on_message(&mut record.exchange, &mut message).await, message) {
            (Verdict::Pass, Message::Response(response)) => translation::of(&record.exchange, response.payload),
            _ => Err(RpcError::new(code::INTERNAL_ERROR, "a filter kept the list back")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::offer::Listed;
    use protocol::method::{self, Primitive};
    use scrubber::{Credential, Scrubber, Secret};

    fn entry(name: &str) -> Arc<Listed> {
        let raw = RawValue::from_string(format!(r#"{{"name":"{name}"}}"#)).unwrap();
        Arc::new(Listed::new(&"x".parse().unwrap(), name.to_owned(), Primitive::Tool(name.to_owned()), raw))
    }

    fn seen(entries: &[&Arc<Listed>], project: &str, sought: Sought) -> Seen {
        Seen { listing: Listing::of(method::TOOLS_LIST, entries), project: Some(project.to_owned()), sought }
    }

    fn text(bytes: usize) -> Box<RawValue> {
        RawValue::from_string(format!("\"{}\"", "x".repeat(bytes - 2))).unwrap()
    }

    #[test]
    fn a_text_is_for_the_same_entries_in_the_same_project_as_long_as_the_same_credentials_are_looked_for() {
        let (texts, scrubber, [a, b]) = (Texts::default(), Scrubber::default(), ["a", "b"].map(entry));
        texts.keep(seen(&[&a, &b], "p", scrubber.sought()), &text(8));
        assert!(texts.find(&seen(&[&a, &b], "p", scrubber.sought())).is_some());
        for (entries, project) in
            [(vec![&a], "p"), (vec![&b, &a], "p"), (vec![&a, &b], "q"), (vec![&a, &entry("b")], "p")]
        {
            assert!(texts.find(&seen(&entries, project, scrubber.sought())).is_none());
        }
        let value = Secret::new("a credential of some length".to_owned());
        scrubber.replace(vec![Credential { name: "c".into(), value }]).unwrap();
        assert!(texts.find(&seen(&[&a, &b], "p", scrubber.sought())).is_none());
    }

    #[test]
    fn what_was_not_asked_for_longest_goes_first() {
        let (texts, sought, a) = (Texts::default(), Scrubber::default().sought(), entry("a"));
        for project in ["p", "q"] {
            texts.keep(seen(&[&a], project, sought.clone()), &text(TEXTS_BYTES_MAX / 2));
        }
        assert!(texts.find(&seen(&[&a], "p", sought.clone())).is_some());
        texts.keep(seen(&[&a], "r", sought.clone()), &text(8));
        let kept = ["p", "q", "r"].map(|project| texts.find(&seen(&[&a], project, sought.clone())).is_some());
        assert_eq!(kept, [true, false, true]);
        assert_eq!(texts.0.lock().unwrap().bytes, TEXTS_BYTES_MAX / 2 + 8);
        texts.keep(seen(&[&a], "s", sought.clone()), &text(TEXTS_BYTES_MAX + 1));
        assert_eq!(texts.0.lock().unwrap().texts.len(), 2);
    }
}
