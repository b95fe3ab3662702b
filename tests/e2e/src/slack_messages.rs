//! A synthetic Slack workspace: five weeks of a made-up web shop company, always the same bytes. Written from
//! `phrases/slack`; the labels say which messages are about what and are no part of a message.

mod people;
mod timeline;
mod writer;

use std::collections::BTreeMap;

use rmcp::schemars;
use serde::{Deserialize, Serialize};

pub use people::{CHANNELS, users};

use crate::{
    cases::{self, Case, Record},
    labels::Labels,
    phrasebook::{Phrasebook, PhrasebookError, marks::Marks},
};

/// The workspace is the same for everyone; another seed would be another company.
const SEED: u64 = 20_261_012;

/// A channel, as `slack_list_channels` shows it.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Channel {
    pub id: String,
    pub name: String,
    pub purpose: String,
}

/// A person, as `slack_get_users` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct User {
    pub id: String,
    /// The handle, `first.last`.
    pub name: String,
    pub real_name: String,
    pub title: String,
}

/// An emoji under a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reaction {
    pub name: String,
    pub count: usize,
    /// Ids of those who reacted.
    pub users: Vec<String>,
}

/// A message, with the field names of Slack's Web API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Message {
    /// Seconds since 1970 with six decimals; unique in the workspace, and the identity of the message.
    pub ts: String,
    pub channel: String,
    pub channel_name: String,
    pub user: String,
    pub user_name: String,
    pub text: String,
    /// `ts` of the message the thread hangs from; on that message itself it equals `ts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_ts: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
}

/// Everything the demo Slack knows at its start.
#[derive(Debug, Clone)]
pub struct Workspace {
    pub channels: Vec<Channel>,
    pub users: Vec<User>,
    /// Newest first, as Slack lists them.
    pub messages: Vec<Message>,
    marks: BTreeMap<String, Marks>,
    contexts: Phrasebook,
}

impl Workspace {
    /// Writes the workspace. Fails only when a phrase file was damaged.
    pub fn generate() -> Result<Self, PhrasebookError> {
        Self::write(&phrases(&[])?, &[CONTEXTS], (people::channels(), users()))
    }

    /// Writes the workspace with one more channel, in which Airflow and dbt report; every other message is the same.
    pub fn with_alerts() -> Result<Self, PhrasebookError> {
        let alerts = include_str!("../phrases/slack/alerts/alerts.txt");
        let contexts = include_str!("../phrases/slack/alerts/contexts.txt");
        let places = (people::channels_with_alerts(), people::users_and_bots());
        Self::write(&phrases(&[alerts])?, &[CONTEXTS, contexts], places)
    }

    fn write(
        book: &Phrasebook,
        contexts: &[&str],
        (channels, users): (Vec<Channel>, Vec<User>),
    ) -> Result<Self, PhrasebookError> {
        let written = writer::write(book, SEED, &channels);
        let contexts = Phrasebook::parse(contexts)?;
        Ok(Self { channels, users, messages: written.messages, marks: written.marks, contexts })
    }

    /// Which messages are about what, newest first, and how many there are in all.
    pub fn labels(&self) -> Labels {
        let ids = self.messages.iter().map(|message| message.ts.as_str());
        let records: Vec<(&str, &Marks)> = ids.filter_map(|ts| Some((ts, self.marks.get(ts)?))).collect();
        Labels::of(&records, &self.contexts)
    }

    /// The messages and their labels as cases for a scorer.
    pub fn cases(&self) -> Vec<Case> {
        let records = self.messages.iter().map(|message| Record {
            id: &message.ts,
            text: message.text.clone(),
            author: &message.user_name,
            thread: message.thread_ts.as_deref(),
        });
        cases::cases(&records.collect::<Vec<_>>(), &self.labels())
    }
}

/// What an agent may be asked for, and how.
const CONTEXTS: &str = include_str!("../phrases/slack/contexts.txt");

/// The phrases of everyday life, then `more`.
fn phrases(more: &[&str]) -> Result<Phrasebook, PhrasebookError> {
    let everyday = [
        include_str!("../phrases/words.txt"),
        include_str!("../phrases/slack/replies.txt"),
        include_str!("../phrases/slack/security.txt"),
        include_str!("../phrases/slack/work.txt"),
        include_str!("../phrases/slack/product.txt"),
        include_str!("../phrases/slack/life.txt"),
        include_str!("../phrases/slack/quiet.txt"),
        include_str!("../phrases/slack/decoys.txt"),
        include_str!("../phrases/slack/talk/postgres.txt"),
        include_str!("../phrases/slack/talk/courier.txt"),
        include_str!("../phrases/slack/talk/releases.txt"),
        include_str!("../phrases/slack/talk/outages.txt"),
        include_str!("../phrases/slack/talk/latency.txt"),
        include_str!("../phrases/slack/talk/billing.txt"),
        include_str!("../phrases/slack/talk/design.txt"),
        include_str!("../phrases/slack/talk/hiring.txt"),
        include_str!("../phrases/slack/talk/food.txt"),
        include_str!("../phrases/slack/talk/mixed.txt"),
    ];
    Phrasebook::parse(&[&everyday, more].concat())
}

#[cfg(test)]
mod tests;
