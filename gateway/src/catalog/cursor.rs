//! Pages of merged lists. A cursor says after which entry to go on; it is sealed for its user, list and project, so that
//! replicas need nothing but the key, and it survives changes of the list.

use crate::{
    seal::{Bound, Sealer},
    servers::offer::Listed,
    upstream::Caller,
};
use control_plane_api::name::Name;
use protocol::{RpcError, code};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{sync::Arc, time::Duration};

/// Time a cursor is good for.
const LIFETIME: Duration = Duration::from_secs(3_600);

/// Cursors of one list.
pub(super) struct Cursor<'a> {
    pub(super) sealer: &'a Sealer,
    pub(super) method: &'a str,
    pub(super) project: Option<&'a str>,
}

/// One page.
pub(super) struct Page<'a> {
    pub(super) entries: Vec<&'a Arc<Listed>>,
    /// The cursor of the next one.
    pub(super) next: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Position {
    method: String,
    project: Option<String>,
    server: Name,
    /// Name or URI of the last entry shown.
    after: String,
    /// Entries shown so far, should that one be gone.
    shown: usize,
}

impl Cursor<'_> {
    /// The page of `all` after `given`, or the first one.
    ///
    /// # Errors
    /// `-32602` for a cursor that is not one of this list's, or not this caller's, or too old.
    pub(super) fn page<'l>(
        &self,
        given: Option<&RawValue>,
        all: &[&'l Arc<Listed>],
        entries_max: usize,
        caller: &Caller,
    ) -> Result<Page<'l>, RpcError> {
        let bound = Bound { kind: "cursor", owner: caller.principal.as_ref().map(Name::as_str) };
        let start = match given {
            None => 0,
            Some(given) => {
                let position = self.open(bound, given);
                let position = position.ok_or_else(|| {
                    RpcError::new(code::INVALID_PARAMS, "the cursor is not valid: list again from the beginning")
                })?;
                let last = all
                    .iter()
                    .position(|listed| listed.server == position.server && listed.exposed() == position.after);
                last.map_or(position.shown, |last| last + 1)
            }
        };
        let rest = all.get(start..).unwrap_or_default();
        let entries: Vec<&Arc<Listed>> = rest.iter().take(entries_max.max(1)).copied().collect();
        let next = (rest.len() > entries.len()).then(|| entries.last()).flatten().map(|last| {
            let position = Position {
                method: self.method.to_owned(),
                project: self.project.map(str::to_owned),
                server: last.server.clone(),
                after: last.exposed().to_owned(),
                shown: start + entries.len(),
            };
            self.sealer.seal(bound, &serde_json::to_vec(&position).unwrap_or_default(), LIFETIME)
        });
        Ok(Page { entries, next })
    }

    fn open(&self, bound: Bound<'_>, given: &RawValue) -> Option<Position> {
        let sealed: String = serde_json::from_str(given.get()).ok()?;
        let position: Position = serde_json::from_slice(&self.sealer.open(bound, &sealed)?).ok()?;
        (position.method == self.method && position.project.as_deref() == self.project).then_some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::method::Primitive;

    fn listed(names: &[String]) -> Vec<Arc<Listed>> {
        let entry = |name: &String| serde_json::value::to_raw_value(&serde_json::json!({ "name": name })).unwrap();
        names
            .iter()
            .map(|name| Listed::new(&"x".parse().unwrap(), name.clone(), Primitive::Tool(name.clone()), entry(name)))
            .map(Arc::new)
            .collect()
    }

    fn caller(name: &str) -> Caller {
        Caller { principal: Some(name.parse().unwrap()), affinity: None }
    }

    fn raw(text: &str) -> Box<RawValue> {
        serde_json::value::to_raw_value(text).unwrap()
    }

    #[test]
    fn pages_give_every_entry_once() {
        let sealer = Sealer::new(&[7; 32]);
        let cursor = Cursor { sealer: &sealer, method: "tools/list", project: Some("p") };
        let all = listed(&(0..25).map(|n| format!("t{n}")).collect::<Vec<_>>());
        let all: Vec<&Arc<Listed>> = all.iter().collect();
        let (mut seen, mut next) = (Vec::new(), None);
        loop {
            let page = cursor.page(next.as_deref().map(raw).as_deref(), &all, 10, &caller("ada")).ok().unwrap();
            assert!(page.entries.len() <= 10);
            seen.extend(page.entries.iter().map(|listed| listed.exposed().to_owned()));
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..25).map(|n| format!("t{n}")).collect::<Vec<_>>());
    }

    #[test]
    fn a_cursor_survives_a_change_and_belongs_to_one_list_of_one_user() {
        let sealer = Sealer::new(&[7; 32]);
        let cursor = Cursor { sealer: &sealer, method: "tools/list", project: Some("p") };
        let before = listed(&["a".to_owned(), "c".to_owned(), "d".to_owned()]);
        let before: Vec<&Arc<Listed>> = before.iter().collect();
        let next = cursor.page(None, &before, 2, &caller("ada")).ok().unwrap().next.unwrap();
        let after = listed(&["a".to_owned(), "b".to_owned(), "c".to_owned(), "d".to_owned()]);
        let after: Vec<&Arc<Listed>> = after.iter().collect();
        let page = cursor.page(Some(&raw(&next)), &after, 2, &caller("ada")).ok().unwrap();
        assert_eq!(page.entries.iter().map(|listed| listed.exposed()).collect::<Vec<_>>(), ["d"]);
        let refused = |cursor: &Cursor<'_>, given: &str, who: &str| {
            cursor.page(Some(&raw(given)), &after, 2, &caller(who)).err().map(|error| error.code)
        };
        let other = Cursor { sealer: &sealer, method: "prompts/list", project: Some("p") };
        let elsewhere = Cursor { sealer: &sealer, method: "tools/list", project: None };
        assert_eq!(refused(&cursor, &next, "bob"), Some(code::INVALID_PARAMS));
        assert_eq!(refused(&other, &next, "ada"), Some(code::INVALID_PARAMS));
        assert_eq!(refused(&elsewhere, &next, "ada"), Some(code::INVALID_PARAMS));
        assert_eq!(refused(&cursor, "", "ada"), Some(code::INVALID_PARAMS));
    }
}
