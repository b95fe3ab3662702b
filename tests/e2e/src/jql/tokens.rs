//! Splits JQL into words, quoted texts and signs.

use std::fmt;

use super::JqlError;

/// One piece of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    Quoted(String),
    Sign(String),
}

impl Token {
    /// Whether it is this unquoted word, in upper or lower case.
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(text) if text.eq_ignore_ascii_case(word))
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        matches!(self, Self::Sign(text) if text == sign)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Word(text) | Self::Quoted(text) | Self::Sign(text)) = self;
        formatter.write_str(text)
    }
}

pub(super) fn tokenize(jql: &str) -> Result<Vec<Token>, JqlError> {
    let mut tokens = Vec::new();
    let mut rest = jql.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, tail) = match first {
            '"' | '\'' => {
                let inner = rest.split_at(1).1;
                let closed = inner.split_once(first);
                let (text, tail) = closed.ok_or_else(|| JqlError::new("a quote that is never closed"))?;
                (Token::Quoted(text.to_owned()), tail)
            }
            '(' | ')' | ',' => {
                let (sign, tail) = rest.split_at(1);
                (Token::Sign(sign.to_owned()), tail)
            }
            '=' | '!' | '<' | '>' | '~' => {
                let (sign, tail) = split_while(rest, |sign| "=!<>~".contains(sign));
                (Token::Sign(sign.to_owned()), tail)
            }
            _ => {
                let (word, tail) = split_while(rest, |sign| !sign.is_whitespace() && !"=!<>~(),\"'".contains(sign));
                (Token::Word(word.to_owned()), tail)
            }
        };
        tokens.push(token);
        rest = tail.trim_start();
    }
    Ok(tokens)
}

fn split_while(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|sign| !belongs(sign)).unwrap_or(text.len()))
}
