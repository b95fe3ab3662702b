//! Which texts go through the model together: neighbours in the order of promise, up to a budget of tokens.
//!
//! Texts are not sorted by length: the forward pass has no padding, so that sorting would only spoil the order.

/// Tokens of one batch: enough to read the weights from the caches rather than from memory, and few enough to look at
/// the deadline every few hundredths of a second.
const BATCH_TOKENS_MAX: usize = 256;
/// Fewer are not worth a thread of their own.
const BATCH_TOKENS_MIN: usize = 48;

/// A tokenized text and its place in the caller's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encodable {
    pub(super) index: usize,
    pub(super) tokens: Vec<u32>,
}

/// Cuts the texts, most promising first, into batches in the order in which `threads` threads should take them.
pub(super) fn plan(texts: Vec<Encodable>, threads: usize) -> Vec<Vec<Encodable>> {
    let total: usize = texts.iter().map(|text| text.tokens.len()).sum();
    let tokens_max = total.div_ceil(threads.max(1)).clamp(BATCH_TOKENS_MIN, BATCH_TOKENS_MAX);
    let mut batches: Vec<Vec<Encodable>> = Vec::new();
    let mut tokens = 0;
    for text in texts {
        tokens += text.tokens.len();
        match batches.last_mut() {
            Some(open) if tokens <= tokens_max => open.push(text),
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

    fn text(index: usize) -> Encodable {
        Encodable { index, tokens: vec![7; 3 + (index * 7) % 62] }
    }

    fn tokens(batch: &[Encodable]) -> usize {
        batch.iter().map(|text| text.tokens.len()).sum()
    }

    #[test]
    fn order_is_kept_and_the_budget_holds() {
        let batches = plan((0..700).map(text).collect(), 2);
        let order: Vec<usize> = batches.iter().flatten().map(|text| text.index).collect();
        assert_eq!(order, (0..700).collect::<Vec<_>>());
        assert!(batches.iter().all(|batch| tokens(batch) <= BATCH_TOKENS_MAX));
        assert!(batches.windows(2).all(|pair| tokens(&pair[0]) + pair[1][0].tokens.len() > BATCH_TOKENS_MAX));
    }

    #[test]
    fn a_few_texts_are_shared_out_among_the_threads() {
        let few: Vec<Encodable> = (0..8).map(|index| Encodable { index, tokens: vec![7; 20] }).collect();
        let sizes: Vec<usize> = plan(few.clone(), 2).iter().map(|batch| tokens(batch)).collect();
        assert_eq!(sizes, [80, 80]);
        assert_eq!(plan(few.into_iter().take(2).collect(), 2).len(), 1, "too few to share");
    }
}
