//! The model on this machine: whether it is there, byte for byte.

use super::{
    check::{Check, Name},
    known::Known,
};
use crate::weights::{self, FILES, FileState, MODEL};

pub(super) fn check(known: &Known<'_>) -> Check {
    let folder = weights::folder(&known.invocation.home);
    let mut wrong = Vec::new();
    for weight in &FILES {
        match weights::check(&folder, weight) {
            Ok(FileState::Whole) => {}
            Ok(FileState::Missing) => wrong.push(format!("{} is missing", weight.name)),
            Ok(FileState::Damaged) => wrong.push(format!("{} has the wrong SHA-256", weight.name)),
            Err(failure) => return Check::failure(Name::Model, &failure),
        }
    }
    if wrong.is_empty() {
        return Check::ok(Name::Model, format!("{MODEL} is whole"));
    }
    let found = format!("{MODEL}: {}; results are filtered by words alone", wrong.join(", "));
    Check::warn(Name::Model, found).fix("mcpctl model pull")
}
