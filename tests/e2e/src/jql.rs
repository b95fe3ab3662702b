//! A small, honest subset of JQL, the query language of Jira: what is outside it is refused with its name, never
//! ignored. Reads `field operator value` clauses joined by `AND`, then `ORDER BY created|updated|key`.

mod evaluate;
mod tokens;

use tokens::{Token, tokenize};

/// What this reader understands; part of every error, so that a model can correct itself.
pub const SUBSET: &str = "this server reads `project|status|labels|issuetype|priority|assignee|key = value`, \
     `!=`, `in (a, b)`, `text|summary|description ~ \"words\"`, `created|updated >= \"2026-11-01\"`, joined by AND, \
     and ORDER BY created|updated|key ASC|DESC";

/// Why a query cannot be answered.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("cannot read {what} in the JQL: {SUBSET}")]
pub struct JqlError {
    what: String,
}

impl JqlError {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

/// A field of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Project,
    Status,
    Labels,
    IssueType,
    Priority,
    Assignee,
    Key,
    Text,
    Summary,
    Description,
    Created,
    Updated,
}

impl Field {
    fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "project" => Self::Project,
            "status" => Self::Status,
            "labels" => Self::Labels,
            "issuetype" | "type" => Self::IssueType,
            "priority" => Self::Priority,
            "assignee" => Self::Assignee,
            "key" | "issuekey" => Self::Key,
            "text" => Self::Text,
            "summary" => Self::Summary,
            "description" => Self::Description,
            "created" => Self::Created,
            "updated" => Self::Updated,
            _ => return None,
        })
    }

    fn is_date(self) -> bool {
        matches!(self, Self::Created | Self::Updated)
    }

    fn is_prose(self) -> bool {
        matches!(self, Self::Text | Self::Summary | Self::Description)
    }
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    OneOf,
    NoneOf,
    Contains,
    Least,
    More,
    Most,
    Less,
}

#[derive(Debug, PartialEq, Eq)]
struct Clause {
    field: Field,
    comparison: Comparison,
    values: Vec<String>,
}

/// A query that was understood whole.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Query {
    clauses: Vec<Clause>,
    /// Field and whether the last comes first.
    order: Option<(Field, bool)>,
}

impl Query {
    /// Reads a query. The empty one matches every ticket.
    pub fn parse(jql: &str) -> Result<Self, JqlError> {
        let tokens = tokenize(jql)?;
        let mut reader = Reader { tokens: tokens.into_iter().peekable() };
        reader.query()
    }
}

struct Reader<I: Iterator<Item = Token>> {
    tokens: std::iter::Peekable<I>,
}

impl<I: Iterator<Item = Token>> Reader<I> {
    fn query(&mut self) -> Result<Query, JqlError> {
        let mut query = Query::default();
        if self.tokens.peek().is_some_and(|token| !token.is_word("order")) {
            query.clauses.push(self.clause()?);
        }
        while let Some(token) = self.tokens.next() {
            if token.is_word("and") {
                query.clauses.push(self.clause()?);
            } else if token.is_word("order") {
                query.order = Some(self.order()?);
            } else {
                return Err(JqlError::new(format!("`{token}`")));
            }
        }
        Ok(query)
    }

    fn clause(&mut self) -> Result<Clause, JqlError> {
        let name = self.next("a field")?;
        let field = Field::named(&name.to_string()).ok_or_else(|| JqlError::new(format!("the field `{name}`")))?;
        let comparison = self.comparison()?;
        let fits = match comparison {
            Comparison::Contains => field.is_prose(),
            Comparison::OneOf | Comparison::NoneOf => !field.is_prose() && !field.is_date(),
            Comparison::Least | Comparison::More | Comparison::Most | Comparison::Less => field.is_date(),
        };
        if !fits {
            return Err(JqlError::new(format!("this comparison of `{name}`")));
        }
        let mut values = vec![self.value()?];
        if values == ["("] {
            values = self.values()?;
        }
        if field.is_date() {
            for value in &mut values {
                *value = date(value)?;
            }
        }
        Ok(Clause { field, comparison, values })
    }

    fn comparison(&mut self) -> Result<Comparison, JqlError> {
        let token = self.next("a comparison")?;
        Ok(match token.to_string().to_ascii_lowercase().as_str() {
            "=" => Comparison::OneOf,
            "in" if self.tokens.peek().is_some_and(|token| token.is_sign("(")) => Comparison::OneOf,
            "!=" => Comparison::NoneOf,
            "~" => Comparison::Contains,
            ">=" => Comparison::Least,
            ">" => Comparison::More,
            "<=" => Comparison::Most,
            "<" => Comparison::Less,
            _ => return Err(JqlError::new(format!("the comparison `{token}`"))),
        })
    }

    /// What stands behind an opening parenthesis, up to the closing one.
    fn values(&mut self) -> Result<Vec<String>, JqlError> {
        let mut values = Vec::new();
        loop {
            values.push(self.value()?);
            let next = self.next("`)`")?;
            if next.is_sign(")") {
                return Ok(values);
            }
            if !next.is_sign(",") {
                return Err(JqlError::new(format!("`{next}` in a list")));
            }
        }
    }

    fn value(&mut self) -> Result<String, JqlError> {
        let token = self.next("a value")?;
        if matches!(&token, Token::Sign(sign) if sign != "(") {
            return Err(JqlError::new(format!("the value `{token}`")));
        }
        Ok(token.to_string())
    }

    fn order(&mut self) -> Result<(Field, bool), JqlError> {
        let by = self.next("`BY`")?;
        let name = self.next("a field to order by")?;
        let field = Field::named(&name.to_string());
        let Some(field @ (Field::Created | Field::Updated | Field::Key)) = field.filter(|_| by.is_word("by")) else {
            return Err(JqlError::new(format!("`ORDER {by} {name}`")));
        };
        let descending = self.tokens.peek().is_some_and(|token| token.is_word("desc"));
        if descending || self.tokens.peek().is_some_and(|token| token.is_word("asc")) {
            self.tokens.next();
        }
        match self.tokens.next() {
            None => Ok((field, descending)),
            Some(token) => Err(JqlError::new(format!("`{token}` after ORDER BY"))),
        }
    }

    fn next(&mut self, expected: &str) -> Result<Token, JqlError> {
        let token = self.tokens.next();
        token.ok_or_else(|| JqlError::new(format!("the end, where {expected} should be,")))
    }
}

/// A day as tickets write it; a time of day may follow and is kept.
fn date(value: &str) -> Result<String, JqlError> {
    let written = value.replace('/', "-");
    let day = written.split(' ').next().unwrap_or_default();
    let known = day.parse::<jiff::civil::Date>();
    known.map(|_| written.clone()).map_err(|_| JqlError::new(format!("the date `{value}`")))
}

#[cfg(test)]
mod tests;
