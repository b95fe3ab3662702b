//! A synthetic Jira site of the same made-up company: three projects, always the same bytes. Written from
//! `phrases/jira`; the fields are those that mcp-atlassian keeps, the labels are no part of a ticket.

mod writer;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    cases::{self, Case, Record},
    labels::Labels,
    phrasebook::{Phrasebook, PhrasebookError, marks::Marks},
};

/// The site is the same for everyone.
const SEED: u64 = 420_717;

/// Projects: key and name.
pub const PROJECTS: [(&str, &str); 3] = [("SEC", "Security"), ("PLAT", "Platform"), ("WEB", "Web shop")];

/// Statuses: name, category and colour, in the order a ticket goes through them.
pub const STATUSES: [(&str, &str, &str); 4] = [
    ("To Do", "To Do", "blue-gray"),
    ("In Progress", "In Progress", "yellow"),
    ("In Review", "In Progress", "yellow"),
    ("Done", "Done", "green"),
];

/// Where a ticket stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    pub name: String,
    pub category: String,
    pub color: String,
}

impl Status {
    /// The status of that name, upper and lower case alike.
    pub fn named(name: &str) -> Option<Self> {
        let known = STATUSES.iter().find(|status| status.0.eq_ignore_ascii_case(name))?;
        Some(Self { name: known.0.to_owned(), category: known.1.to_owned(), color: known.2.to_owned() })
    }
}

/// A field of which only the name is kept (issue type, priority).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    pub name: String,
}

/// Somebody who reports, works on or comments a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    pub display_name: String,
    pub name: String,
    pub email: Option<String>,
    pub avatar_url: Option<String>,
}

impl Person {
    /// The account behind the API token: who writes through the demo server.
    pub fn token_owner() -> Self {
        Self { display_name: "API token owner".into(), name: "api.token".into(), email: None, avatar_url: None }
    }
}

/// A comment, shown by `jira_get_issue` only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comment {
    pub id: String,
    pub body: String,
    pub author: Person,
    pub created: String,
}

/// A ticket, with the field names of mcp-atlassian.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ticket {
    pub id: String,
    pub key: String,
    pub summary: String,
    pub browse_url: String,
    pub description: String,
    pub status: Status,
    pub issue_type: Named,
    pub priority: Named,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Person>,
    pub reporter: Person,
    pub labels: Vec<String>,
    /// `YYYY-MM-DD HH:MM:SS UTC`, so that text order is time order.
    pub created: String,
    pub updated: String,
    #[serde(skip)]
    pub comments: Vec<Comment>,
}

impl Ticket {
    /// The part of the key before the number.
    pub fn project(&self) -> &str {
        self.key.split('-').next().unwrap_or_default()
    }
}

/// Everything the demo Jira knows at its start.
#[derive(Debug, Clone)]
pub struct Site {
    /// In the order of their creation.
    pub tickets: Vec<Ticket>,
    marks: BTreeMap<String, Marks>,
    contexts: Phrasebook,
}

impl Site {
    /// Writes the site as it looks under `base_url`. Fails only when a phrase file was damaged.
    pub fn generate(base_url: &str) -> Result<Self, PhrasebookError> {
        let (tickets, marks) = writer::write(&phrases(&[])?, SEED, base_url);
        Ok(Self { tickets, marks, contexts: Phrasebook::parse(&[CONTEXTS])? })
    }

    /// The same with incidents: of the data platform, and others.
    pub fn with_incidents(base_url: &str) -> Result<Self, PhrasebookError> {
        let incidents = include_str!("../phrases/jira/incidents/incidents.txt");
        let contexts = include_str!("../phrases/jira/incidents/contexts.txt");
        let (tickets, marks) = writer::write(&phrases(&[incidents])?, SEED, base_url);
        Ok(Self { tickets, marks, contexts: Phrasebook::parse(&[CONTEXTS, contexts])? })
    }

    /// Which tickets are about what, and how many there are in all.
    pub fn labels(&self) -> Labels {
        let keys = self.tickets.iter().map(|ticket| ticket.key.as_str());
        let records: Vec<(&str, &Marks)> = keys.filter_map(|key| Some((key, self.marks.get(key)?))).collect();
        Labels::of(&records, &self.contexts)
    }

    /// The tickets (summary and description) and their labels as cases for a scorer.
    pub fn cases(&self) -> Vec<Case> {
        let records = self.tickets.iter().map(|ticket| Record {
            id: &ticket.key,
            text: format!("{}\n{}", ticket.summary, ticket.description),
            author: &ticket.reporter.name,
            thread: None,
        });
        cases::cases(&records.collect::<Vec<_>>(), &self.labels())
    }
}

/// What an agent may be asked for, and how.
const CONTEXTS: &str = include_str!("../phrases/jira/contexts.txt");

/// The phrases of everyday life, then `more`.
fn phrases(more: &[&str]) -> Result<Phrasebook, PhrasebookError> {
    let everyday = [
        include_str!("../phrases/words.txt"),
        include_str!("../phrases/jira/work.txt"),
        include_str!("../phrases/jira/security.txt"),
        include_str!("../phrases/jira/whole.txt"),
    ];
    Phrasebook::parse(&[&everyday, more].concat())
}

#[cfg(test)]
mod tests;
