//! Which records of a synthetic collection are about security. Kept aside: no tool of a demo server shows it, so a
//! filter can be measured against it.

use serde::{Deserialize, Serialize};

/// The truth a relevance filter is measured against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// Identifiers (`ts` of a message, key of a ticket) of the records about security, in the order of the collection.
    pub security: Vec<String>,
    /// Number of records in the whole collection.
    pub total: usize,
}
