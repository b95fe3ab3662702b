//! Which URIs a resource template stands for: what is literal in it has to be there, in order; expressions stand for
//! anything (RFC 6570, as far as ownership of a URI needs it). No URI is expanded or taken apart here.

/// The literal parts of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    literals: Vec<String>,
}

impl Shape {
    /// Of `template`. An expression that is not closed is literal.
    pub(super) fn of(template: &str) -> Self {
        let mut literals = vec![String::new()];
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((_, after)) = after.split_once('}') else { break };
            if let Some(last) = literals.last_mut() {
                last.push_str(before);
            }
            literals.push(String::new());
            rest = after;
        }
        if let Some(last) = literals.last_mut() {
            last.push_str(rest);
        }
        Self { literals }
    }

    /// Whether `uri` may be one of the template's.
    pub(super) fn fits(&self, uri: &str) -> bool {
        let Some(((first, last), middle)) = self.ends() else {
            return self.literals.iter().all(|only| only == uri);
        };
        let Some(rest) = uri.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else {
            return false;
        };
        let mut rest = rest;
        middle.iter().all(|literal| match rest.find(literal.as_str()) {
            Some(at) => {
                rest = rest.get(at + literal.len()..).unwrap_or_default();
                true
            }
            None => false,
        })
    }

    /// How much of it is literal: the more, the closer a URI belongs to it.
    pub(super) fn literal_bytes(&self) -> usize {
        self.literals.iter().map(String::len).sum()
    }

    fn ends(&self) -> Option<((&str, &str), &[String])> {
        match self.literals.as_slice() {
            [first, middle @ .., last] => Some(((first, last), middle)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::proptest;

    fn check(template: &str, uri: &str) -> bool {
        Shape::of(template).fits(uri)
    }

    #[test]
    fn what_is_literal_has_to_be_there() {
        assert!(check("test://template/{id}/data", "test://template/123/data"));
        assert!(!check("test://template/{id}/data", "test://template/123"));
        assert!(check("file:///{+path}", "file:///a/b"));
        assert!(check("x://{a}/mid/{b}{?q}", "x://1/mid/2?q=3") && !check("x://{a}/mid/{b}", "x://1/2"));
        assert!(check("x://fixed", "x://fixed") && !check("x://fixed", "x://fixed/more"));
        assert!(!check("aa{x}aa", "aaa"), "an end is not used twice");
        assert!(check("x://{open", "x://{open"));
    }

    #[test]
    fn the_more_is_literal_the_closer() {
        assert!(Shape::of("x://a/{b}").literal_bytes() > Shape::of("x://{a}").literal_bytes());
    }

    proptest! {
        #[test]
        fn an_expansion_fits_its_template(a in "[a-z:/]{0,6}", b in "[a-z/]{0,6}", x in "[a-z0-9]{0,6}", y in "[a-z0-9]{0,6}") {
            assert!(check(&format!("{a}{{x}}{b}{{y}}"), &format!("{a}{x}{b}{y}")));
        }
    }
}
