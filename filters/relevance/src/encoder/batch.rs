//! Which texts go through the model together: neighbours in the order of promise, up to a budget of tokens.

/// Tokens of one batch: small enough to stay in the caches, which on CPUs beats larger batches, and the step in which
/// the deadline is looked at.
const BATCH_TOKENS_MAX: usize = 1024;

/// A tokenized text and its place in the caller's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encodable {
    pub(super) index: usize,
    pub(super) tokens: Vec<u32>,
}

/// Cuts the texts, most promising first, into batches in the order in which they should run.
pub(super) fn plan(texts: Vec<Encodable>) -> Vec<Vec<Encodable>> {
    let mut batches: Vec<Vec<Encodable>> = Vec::new();
    let mut tokens = 0;
    for text in texts {
        tokens += text.tokens.len();
        match batches.last_mut() {
            Some(open) if tokens <= BATCH_TOKENS_MAX => open.push(text),
            _ => {
                tokens = text.tokens.len();
                batches.push(vec![text]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_the_budget_holds() {
        let text = |index: usize| Encodable { index, tokens: vec![7; 3 + (index * 7) % 62] };
        let batches = plan((0..700).map(text).collect());
        let order: Vec<usize> = batches.iter().flatten().map(|text| text.index).collect();
        assert_eq!(order, (0..700).collect::<Vec<_>>());
        let tokens = |batch: &Vec<Encodable>| batch.iter().map(|text| text.tokens.len()).sum::<usize>();
        assert!(batches.iter().all(|batch| tokens(batch) <= BATCH_TOKENS_MAX));
        assert!(batches.windows(2).all(|pair| tokens(&pair[0]) + pair[1][0].tokens.len() > BATCH_TOKENS_MAX));
    }
}
