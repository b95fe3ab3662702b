//! Holds a ticket against a query.

use super::{Clause, Comparison, Field, Query};
use crate::jira_tickets::Ticket;

impl Query {
    /// The matching tickets in the order asked for; as given when none was.
    pub fn select<'a>(&self, tickets: &'a [Ticket]) -> Vec<&'a Ticket> {
        let mut found: Vec<&Ticket> =
            tickets.iter().filter(|ticket| self.clauses.iter().all(|clause| clause.holds(ticket))).collect();
        if let Some((field, descending)) = self.order {
            found.sort_by_key(|ticket| order_key(field, ticket));
            if descending {
                found.reverse();
            }
        }
        found
    }
}

fn order_key(field: Field, ticket: &Ticket) -> (String, u32) {
    let number = ticket.key.rsplit('-').next().and_then(|number| number.parse().ok());
    let text = match field {
        Field::Created => ticket.created.clone(),
        Field::Updated => ticket.updated.clone(),
        _ => ticket.project().to_owned(),
    };
    (text, number.unwrap_or(0))
}

impl Clause {
    fn holds(&self, ticket: &Ticket) -> bool {
        let fields = self.field.texts(ticket);
        let any = |test: &dyn Fn(&str, &str) -> bool| {
            let mut values = self.values.iter();
            values.any(|value| fields.iter().any(|field| test(field, value)))
        };
        match self.comparison {
            Comparison::OneOf => any(&same),
            Comparison::NoneOf => !any(&same),
            Comparison::Contains => self.values.iter().all(|value| contains_words(&fields, value)),
            Comparison::Least => any(&|field, value| field >= value),
            Comparison::More => any(&|field, value| field > value),
            Comparison::Most => any(&|field, value| field <= value || field.starts_with(value)),
            Comparison::Less => any(&|field, value| field < value),
        }
    }
}

impl Field {
    /// What the ticket says in this field; labels are several texts, an absent assignee is none.
    fn texts(self, ticket: &Ticket) -> Vec<&str> {
        match self {
            Self::Project => vec![ticket.project()],
            Self::Status => vec![&ticket.status.name],
            Self::Labels => ticket.labels.iter().map(String::as_str).collect(),
            Self::IssueType => vec![&ticket.issue_type.name],
            Self::Priority => vec![&ticket.priority.name],
            Self::Assignee => {
                let people = ticket.assignee.iter();
                people.flat_map(|who| [who.display_name.as_str(), &who.name]).collect()
            }
            Self::Key => vec![&ticket.key],
            Self::Text => {
                let comments = ticket.comments.iter().map(|comment| comment.body.as_str());
                comments.chain([ticket.summary.as_str(), &ticket.description]).collect()
            }
            Self::Summary => vec![&ticket.summary],
            Self::Description => vec![&ticket.description],
            Self::Created => vec![&ticket.created],
            Self::Updated => vec![&ticket.updated],
        }
    }
}

fn same(field: &str, value: &str) -> bool {
    field.eq_ignore_ascii_case(value)
}

/// Every word of `value` begins some word of the fields, as Jira's text search does with its stems.
fn contains_words(fields: &[&str], value: &str) -> bool {
    let text = fields.join(" ").to_lowercase();
    let words: Vec<&str> = text.split(|sign: char| !sign.is_alphanumeric()).collect();
    let wanted = value.to_lowercase();
    let mut wanted = wanted.split(|sign: char| !sign.is_alphanumeric()).filter(|word| !word.is_empty());
    wanted.all(|wanted| words.iter().any(|word| word.starts_with(wanted)))
}
