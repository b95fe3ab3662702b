//! The web sites behind the servers, as far as the servers ask them: real paths, real shapes, real pagination, made-up
//! content. None of them knows who asks.

pub(crate) mod github;
pub(crate) mod grafana;
pub(crate) mod jira;
pub(crate) mod kubernetes;
pub(crate) mod slack;
pub(crate) mod terraform;

use e2e::slack_messages::Workspace;

/// What only one record says.
pub(crate) const NEEDLE: &str =
    "The thermostat of the cold room in the Porto warehouse shows minus forty since Friday.";
/// What one asks for to find it.
pub(crate) const CONTEXT: &str = "broken thermostat in the Porto warehouse";

/// So many texts of a company's everyday life; the `at`th one is the needle.
pub(crate) fn texts(count: usize, at: usize) -> Vec<String> {
    let workspace = Workspace::generate().unwrap();
    let mut texts: Vec<String> = workspace.messages.into_iter().map(|message| message.text).take(count).collect();
    assert_eq!(texts.len(), count, "the workspace has so many");
    NEEDLE.clone_into(&mut texts[at]);
    texts
}

/// A page of `items`, and where the next one begins, if there is one.
fn page<T: Clone>(items: &[T], start: usize, size: usize) -> (Vec<T>, Option<usize>) {
    let end = items.len().min(start.saturating_add(size));
    let page = items.get(start..end).unwrap_or_default().to_vec();
    (page, (end < items.len()).then_some(end))
}
