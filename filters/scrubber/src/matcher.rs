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
        Ok(Some(Self { automaton, start, bytes_max, names }))
    }

    /// Whose form the `pattern`th is.
    pub(super) fn name(&self, pattern: usize) -> Arc<str> {
        self.names.get(pattern).cloned().unwrap_or_else(|| Arc::from("credential"))
    }
}
