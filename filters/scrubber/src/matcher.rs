//! All forms of all credentials, compiled into one automaton (Aho and Corasick, 1975): time linear in the text, however
//! many there are.

use super::{Credential, forms};
use aho_corasick::{
    Anchored, BuildError,
    automaton::{Automaton as _, StateID},
    dfa::DFA,
    nfa::contiguous::NFA,
    packed::Searcher,
};
use std::{collections::BTreeSet, sync::Arc};

/// Bytes of all forms up to which the automaton is a table: fast, and half a kilobyte large for each byte.
const TABLE_FORM_BYTES_MAX: usize = 32 << 10;

/// What is looked at byte by byte before many are looked at at once: texts full of escapes have no more between two of them.
const NEAR_BYTES: usize = 64;

/// Bytes that are looked at at once, at the most: what begins a form is looked for anew behind each place where one may begin.
const MANY_BYTES_MAX: usize = 4 << 10;

/// First bytes of forms that are looked for many at once.
const PACKED_BYTES: usize = 3;

/// See [`TABLE_FORM_BYTES_MAX`].
pub(super) enum Automaton {
    Dense(DFA),
    Sparse(NFA),
}

/// See the module.
pub(super) struct Matcher {
    pub(super) automaton: Automaton,
    /// Where nothing has begun.
    pub(super) start: StateID,
    /// Bytes of the longest form.
    pub(super) bytes_max: usize,
    /// Whose form each one is.
    names: Vec<Arc<str>>,
    beginnings: Beginnings,
}

/// How forms begin. Each has more bytes than are looked at (`forms`).
struct Beginnings {
    /// Of every two bytes whether a form begins with them. The second may be written as an escape, and so may both.
    pairs: Box<[bool]>,
    /// Finds what forms begin with in long texts, many bytes at once; none where they begin in too many ways, or on processors
    /// that cannot.
    packed: Option<Searcher>,
}

impl Beginnings {
    fn of(forms: &[Vec<u8>]) -> Self {
        let mut pairs = vec![false; 1 << 16];
        let mut add = |first: u8, second: u8| {
            if let Some(begins) = pairs.get_mut(place(first, second)) {
                *begins = true;
            }
        };
        for form in forms {
            if let [first, second, ..] = form[..] {
                add(first, second);
                add(first, b'\\');
            }
        }
        (0..=u8::MAX).for_each(|second| add(b'\\', second));
        // One form that is too short for it, and nothing is found this way rather than all but that one.
        let first: Option<BTreeSet<&[u8]>> = forms.iter().map(|form| form.get(..PACKED_BYTES)).collect();
        Self { pairs: pairs.into(), packed: first.and_then(Searcher::new) }
    }

    /// How many of the first bytes of `text` can be left out; of the last byte that is not known.
    fn one_by_one(&self, text: &[u8]) -> usize {
        let begins = |pair: &[u8]| match *pair {
            [first, second] => self.pairs.get(place(first, second)).copied().unwrap_or_default(),
            _ => false,
        };
        text.windows(2).position(begins).unwrap_or(text.len().saturating_sub(1))
    }

    /// The same, of a text that does not begin with an escape, and of whose last bytes it is not known.
    fn many(&self, packed: &Searcher, text: &[u8]) -> usize {
        let text = text.get(..MANY_BYTES_MAX).unwrap_or(text);
        let plain = memchr::memchr(b'\\', text).and_then(|escape| text.get(..escape)).unwrap_or(text);
        packed.find(plain).map_or(plain.len().saturating_sub(PACKED_BYTES - 1), |found| found.start())
    }
}

fn place(first: u8, second: u8) -> usize {
    usize::from(u16::from_be_bytes([first, second]))
}

impl Matcher {
    /// Of `credentials`; none where there is nothing to look for.
    pub(super) fn compile<'a>(
        credentials: impl Iterator<Item = &'a Credential>,
    ) -> Result<Option<Self>, Box<BuildError>> {
        let (mut forms, mut names) = (Vec::new(), Vec::new());
        for credential in credentials {
            for form in forms::of(credential.value.expose()) {
                forms.push(form);
                names.push(credential.name.clone());
            }
        }
        let Some(bytes_max) = forms.iter().map(Vec::len).max() else {
            return Ok(None);
        };
        let automaton = match forms.iter().map(Vec::len).sum::<usize>() {
            ..=TABLE_FORM_BYTES_MAX => Automaton::Dense(DFA::new(&forms)?),
            _ => Automaton::Sparse(NFA::new(&forms)?),
        };
        let start = match &automaton {
            Automaton::Dense(automaton) => automaton.start_state(Anchored::No),
            Automaton::Sparse(automaton) => automaton.start_state(Anchored::No),
        };
        // Both kinds are made to begin anywhere; one that cannot is one that finds nothing.
        let start = start.unwrap_or(StateID::ZERO);
        let beginnings = Beginnings::of(&forms);
        Ok(Some(Self { automaton, start, bytes_max, names, beginnings }))
    }

    /// How many of the first bytes of `text` can be left out where nothing has begun: no form begins there, and no escape.
    pub(super) fn skips(&self, text: &[u8]) -> usize {
        let near = text.get(..NEAR_BYTES).unwrap_or(text);
        let skipped = self.beginnings.one_by_one(near);
        match (&self.beginnings.packed, text.get(skipped..)) {
            (Some(packed), Some(rest)) if near.len() < text.len() && skipped + 1 == near.len() => {
                skipped + self.beginnings.many(packed, rest)
            }
            _ => skipped,
        }
    }

    /// Whose form the `pattern`th is.
    pub(super) fn name(&self, pattern: usize) -> Arc<str> {
        self.names.get(pattern).cloned().unwrap_or_else(|| Arc::from("credential"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control_plane_api::secret::Secret;

    #[test]
    fn no_form_and_no_escape_is_left_out() {
        let value = Secret::new("xoxb-1234567890-abc/def".to_owned());
        let forms = forms::of(value.expose());
        let matcher = Matcher::compile([Credential { name: "c".into(), value }].iter()).unwrap().unwrap();
        // Near, where bytes are looked at one by one, and far.
        for before in [4, NEAR_BYTES - 1, NEAR_BYTES, NEAR_BYTES + 1, 1_000, 2 * MANY_BYTES_MAX] {
            let check = |rest: &[u8]| {
                let text = [&b".".repeat(before), rest].concat();
                let mut skipped = 0;
                while let Some(more @ 1..) = text.get(skipped..).map(|rest| matcher.skips(rest)) {
                    skipped += more;
                }
                assert_eq!(skipped, before, "{}", String::from_utf8_lossy(&text));
            };
            for form in &forms {
                check(form);
                // Its second byte may be to come, or be written as an escape.
                check(&form[..1]);
                check(&[form[0], b'\\']);
            }
            check(b"\\u0078");
        }
        assert_eq!(matcher.skips(b""), 0);
    }
}
