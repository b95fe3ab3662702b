//! All forms of all credentials, compiled into one automaton (Aho and Corasick, 1975): time linear in the text, however
//! many there are.

use super::{Credential, forms};
use aho_corasick::{
    Anchored, BuildError,
    automaton::{Automaton as _, StateID},
    dfa::DFA,
    nfa::contiguous::NFA,
};
use std::sync::Arc;

/// Bytes of all forms up to which the automaton is a table: fast, and half a kilobyte large for each byte.
const TABLE_FORM_BYTES_MAX: usize = 32 << 10;

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

/// Of every two bytes whether a form begins with them. The second may be written as an escape, and so may both.
struct Beginnings(Box<[bool]>);

impl Beginnings {
    fn of(forms: &[Vec<u8>]) -> Self {
        let mut all = Self(vec![false; 1 << 16].into());
        for form in forms {
            if let [first, second, ..] = form[..] {
                all.add(first, second);
                all.add(first, b'\\');
            }
        }
        (0..=u8::MAX).for_each(|second| all.add(b'\\', second));
        all
    }

    fn add(&mut self, first: u8, second: u8) {
        if let Some(begins) = self.0.get_mut(Self::place(first, second)) {
            *begins = true;
        }
    }

    fn has(&self, first: u8, second: u8) -> bool {
        self.0.get(Self::place(first, second)).copied().unwrap_or_default()
    }

    fn place(first: u8, second: u8) -> usize {
        usize::from(u16::from_be_bytes([first, second]))
    }
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
    /// Of the last byte that is not known.
    pub(super) fn skips(&self, text: &[u8]) -> usize {
        let begins = |pair: &[u8]| matches!(*pair, [first, second] if self.beginnings.has(first, second));
        text.windows(2).position(begins).unwrap_or(text.len().saturating_sub(1))
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
        let check = |rest: &[u8], skipped: usize| {
            let text = [b"....", rest].concat();
            assert_eq!(matcher.skips(&text), skipped, "{}", String::from_utf8_lossy(&text));
        };
        for form in &forms {
            check(form, 4);
            // Its second byte may be to come, or be written as an escape.
            check(&form[..1], 4);
            check(&[form[0], b'\\'], 4);
        }
        check(b"\\u0078", 4);
        check(b"...", 6);
        assert_eq!(matcher.skips(b""), 0);
    }
}
