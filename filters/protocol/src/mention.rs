//! Whether a JSON text may hold one of some names, so that large ones are not taken apart in vain.

use memchr::memmem::Finder;
use serde_json::value::RawValue;
use std::sync::LazyLock;

/// Some names of members. Made once, asked often.
pub struct Mention(Vec<Finder<'static>>);

impl Mention {
    /// Of any of `names`, which are plain ASCII.
    #[must_use]
    pub fn of(names: &[&'static str]) -> Self {
        Self(names.iter().copied().map(Finder::new).collect())
    }

    /// Whether `raw` may hold one of the names: as it is, or written with escapes. It may also stand elsewhere than as a name.
    #[must_use]
    pub fn is_in(&self, raw: &RawValue) -> bool {
        static ESCAPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\\u"));
        let text = raw.get().as_bytes();
        self.0.iter().any(|name| name.find(text).is_some()) || ESCAPE.find(text).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_however_it_is_written() {
        let check =
            |text: &str| Mention::of(&["taskId", "state"]).is_in(&RawValue::from_string(text.to_owned()).unwrap());
        assert!(check(r#"{"a":{"taskId":1}}"#) && check(r#"{"st\u0061te":1}"#) && check(r#"{"x":"state"}"#));
        assert!(!check(r#"{"task":"Id","sta":"te"}"#) && !check("{}"));
    }
}
