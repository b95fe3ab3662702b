//! What a call asks about its result, by its `_context`.

use crate::intent::Intent;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing: as much as the budget holds.
    Nothing,
    /// Everything, whatever it takes: `all` and `*`.
    All,
    /// What is relevant to this.
    Relevant(Intent),
}

impl Asked {
    /// By `context` as it came; a client that fills every argument says nothing by an empty one.
    pub(super) fn of(context: Option<&str>) -> Self {
        match context.map(str::trim).filter(|context| !context.is_empty()) {
            None => Self::Nothing,
            Some(context) => Intent::read(context).map_or(Self::All, Self::Relevant),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_more_than_nothing() {
        assert!([None, Some(""), Some("  ")].into_iter().all(|context| Asked::of(context) == Asked::Nothing));
        assert!(["*", "all", " ALL "].into_iter().all(|context| Asked::of(Some(context)) == Asked::All));
        assert!(matches!(Asked::of(Some("all outages")), Asked::Relevant(_)));
    }
}
