//! What a chat completion says about the records: its verdicts, and how sure the model was of each digit.
//!
//! Where the server gives log probabilities, a record's probability is that of `1` against `0` at the place of its digit;
//! where it does not, the digit itself.

use filters_relevance::tiers::{
    TierError,
    prompt::{self, Verdict},
};
use serde::Deserialize;

/// As much of a chat completion as is read.
#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    #[serde(default)]
    logprobs: Option<Logprobs>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<String>,
}

#[derive(Deserialize)]
struct Logprobs {
    #[serde(default)]
    content: Option<Vec<Token>>,
}

#[derive(Deserialize)]
struct Token {
    token: String,
    logprob: f64,
    #[serde(default)]
    top_logprobs: Vec<Alternative>,
}

#[derive(Deserialize)]
struct Alternative {
    token: String,
    logprob: f64,
}

/// The probabilities of `count` records in the completion `body`.
///
/// # Errors
/// [`TierError::Failed`] when it is no completion, or judges no record.
pub(super) fn probabilities(body: &[u8], count: usize) -> Result<Vec<Option<f64>>, TierError> {
    let unreadable = || TierError::Failed("its server's answer cannot be read".to_owned());
    let completion: Completion = serde_json::from_slice(body).map_err(|_| unreadable())?;
    let choice = completion.choices.into_iter().next().ok_or_else(unreadable)?;
    let content = choice.message.content.unwrap_or_default();
    let tokens = choice.logprobs.and_then(|logprobs| logprobs.content).unwrap_or_default();
    let mut probabilities = vec![None; count];
    let start = start(&tokens, &content);
    for verdict in prompt::verdicts(&content, count) {
        let sure = start.and_then(|start| by_tokens(&tokens, start + verdict.at, &verdict));
        if let Some(slot) = probabilities.get_mut(verdict.index) {
            *slot = Some(sure.unwrap_or(if verdict.is_relevant { 1.0 } else { 0.0 }));
        }
    }
    if probabilities.iter().all(Option::is_none) {
        return Err(TierError::Failed("its model answered without judging a record".to_owned()));
    }
    Ok(probabilities)
}

/// Where the answer begins in its tokens: some servers leave out of the answer what stands around it. Tokens that do not
/// make up the answer say nothing about places in it.
fn start(tokens: &[Token], content: &str) -> Option<usize> {
    let joined: String = tokens.iter().map(|token| token.token.as_str()).collect();
    joined.rfind(content).filter(|_| !content.is_empty())
}

/// The probability of `1` against `0` at byte `at` of the tokens, where the digit of `verdict` stands.
fn by_tokens(tokens: &[Token], at: usize, verdict: &Verdict) -> Option<f64> {
    let mut end = 0;
    let token = tokens.iter().find(|token| {
        end += token.token.len();
        end > at
    })?;
    let place = at - (end - token.token.len());
    let (mut one, mut zero) = (0.0, 0.0);
    let mut add = |text: &str, logprob: f64| {
        // The same token but for the digit: whatever stands around it is the same answer.
        let same =
            text.get(..place) == token.token.get(..place) && text.get(place + 1..) == token.token.get(place + 1..);
        match text.as_bytes().get(place).filter(|_| same) {
            Some(b'1') => one += logprob.exp(),
            Some(b'0') => zero += logprob.exp(),
            _ => {}
        }
    };
    if token.top_logprobs.iter().all(|alternative| alternative.token != token.token) {
        add(&token.token, token.logprob);
    }
    token.top_logprobs.iter().for_each(|alternative| add(&alternative.token, alternative.logprob));
    let (given, other) = if verdict.is_relevant { (one, zero) } else { (zero, one) };
    // The other digit was so improbable that it is not among the alternatives: what is left is the most it can have.
    let other = if other > 0.0 { other } else { (1.0 - given).clamp(0.0, given) };
    let probability = if verdict.is_relevant { given } else { other } / (given + other);
    probability.is_finite().then_some(probability)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(body: &Value, count: usize, expected: &[Option<f64>]) {
        let found = probabilities(body.to_string().as_bytes(), count).unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            match (found, expected) {
                (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-6, "{found} {expected}"),
                (found, expected) => assert_eq!(found, expected),
            }
        }
    }

    fn completion(content: &str, logprobs: Value) -> Value {
        json!({"id": "x", "object": "chat.completion", "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": content}, "logprobs": logprobs}]})
    }

    fn token(text: &str, probability: f64, others: &[(&str, f64)]) -> Value {
        let entry = |text: &str, p: f64| json!({"token": text, "logprob": p.ln(), "bytes": text.as_bytes()});
        let mut all = vec![entry(text, probability)];
        all.extend(others.iter().map(|(text, p)| entry(text, *p)));
        let mut token = entry(text, probability);
        token["top_logprobs"] = Value::from(all);
        token
    }

    #[test]
    fn without_log_probabilities_the_digit_decides() {
        check(&completion("1: 1\n2: 0", Value::Null), 3, &[Some(1.0), Some(0.0), None]);
    }

    #[test]
    fn with_log_probabilities_the_digits_are_weighed() {
        let tokens = json!([
            token("1", 1.0, &[]),
            token(":", 1.0, &[]),
            token(" 1", 0.6, &[(" 0", 0.2), (" yes", 0.1)]),
            token("\n", 1.0, &[]),
            token("2", 1.0, &[]),
            token(": ", 1.0, &[]),
            token("0\n", 0.9, &[("1\n", 0.1)]),
            token("3: 1", 0.95, &[]),
        ]);
        let body = completion("1: 1\n2: 0\n3: 1", json!({"content": tokens}));
        check(&body, 3, &[Some(0.75), Some(0.1), Some(0.95)]);
    }

    #[test]
    fn tokens_of_something_else_are_not_believed() {
        let tokens = json!([token("1: ", 1.0, &[]), token("0", 0.6, &[("1", 0.4)])]);
        check(&completion("1: 1", json!({"content": tokens})), 1, &[Some(1.0)]);
        let more = json!([token("<think>1: 0</think>", 1.0, &[]), token("1: 1", 0.6, &[("1: 0", 0.4)])]);
        check(&completion("1: 1", json!({"content": more})), 1, &[Some(0.6)]);
        check(&completion("1: 1", json!({"content": null})), 1, &[Some(1.0)]);
        check(&completion("1: 1", json!({"content": []})), 1, &[Some(1.0)]);
    }

    #[test]
    fn what_judges_nothing_is_a_failure() {
        let none = [json!({}), json!({"choices": []}), json!([]), completion("sorry", Value::Null)];
        for body in none {
            assert!(probabilities(body.to_string().as_bytes(), 2).is_err(), "{body}");
        }
        assert!(probabilities(b"<html>", 2).is_err());
        let silent = json!({"choices": [{"message": {"role": "assistant", "content": null}}]});
        assert!(probabilities(silent.to_string().as_bytes(), 2).is_err());
    }
}
