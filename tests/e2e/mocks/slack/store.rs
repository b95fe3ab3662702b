//! The workspace as it is now: what was generated, plus what was written since. Every write goes into the journal.

use std::sync::{Mutex, MutexGuard, PoisonError};

use e2e::{
    mock::Journal,
    slack_messages::{Message, Reaction, Workspace},
};
use jiff::Timestamp;
use serde_json::json;

use crate::{replies::SlackError, selection::as_ts};

/// Who writes through this server: the app behind the bot token.
const BOT_ID: &str = "U0DEMOBOT";
const BOT_NAME: &str = "demo.bot";

/// Shared by all connections of the server.
pub(crate) struct Store {
    workspace: Mutex<Workspace>,
    journal: Journal,
}

impl Store {
    pub(crate) fn new(workspace: Workspace, journal: Journal) -> Self {
        Self { workspace: Mutex::new(workspace), journal }
    }

    /// The workspace; nobody else reads or writes while it is held.
    pub(crate) fn workspace(&self) -> MutexGuard<'_, Workspace> {
        self.workspace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of the channel with that id or name, with or without `#`.
    pub(crate) fn channel_id(&self, wanted: &str) -> Result<String, SlackError> {
        let name = wanted.trim_start_matches('#');
        let workspace = self.workspace();
        let found = workspace.channels.iter().find(|channel| channel.id == wanted || channel.name == name);
        found.map(|channel| channel.id.clone()).ok_or_else(|| SlackError::ChannelNotFound(wanted.to_owned()))
    }

    /// Posts as the bot.
    pub(crate) fn post(&self, channel: &str, text: &str) -> Result<Message, SlackError> {
        if text.trim().is_empty() {
            return Err(SlackError::NoText);
        }
        let id = self.channel_id(channel)?;
        let mut workspace = self.workspace();
        let named = workspace.channels.iter().find(|channel| channel.id == id);
        let message = Message {
            ts: as_ts(Timestamp::now()),
            channel_name: named.map(|channel| channel.name.clone()).unwrap_or_default(),
            channel: id,
            user: BOT_ID.into(),
            user_name: BOT_NAME.into(),
            text: text.to_owned(),
            thread_ts: None,
            reactions: Vec::new(),
        };
        let place = workspace.messages.partition_point(|other| other.ts > message.ts);
        workspace.messages.insert(place, message.clone());
        self.journal.record(
            "slack_post_message",
            &json!({"channel": channel, "text": text}),
            &json!({"channel": message.channel, "ts": message.ts}),
        )?;
        Ok(message)
    }

    /// Reacts as the bot.
    pub(crate) fn react(&self, channel: &str, ts: &str, emoji: &str) -> Result<(), SlackError> {
        let name = emoji.trim_matches(':');
        let id = self.channel_id(channel)?;
        let mut workspace = self.workspace();
        let message = workspace.messages.iter_mut().find(|message| message.ts == ts && message.channel == id);
        let message = message.ok_or_else(|| SlackError::MessageNotFound(ts.to_owned()))?;
        match message.reactions.iter_mut().find(|reaction| reaction.name == name) {
            Some(reaction) if reaction.users.iter().any(|user| user == BOT_ID) => {
                return Err(SlackError::AlreadyReacted(name.to_owned()));
            }
            Some(reaction) => {
                reaction.count += 1;
                reaction.users.push(BOT_ID.into());
            }
            None => {
                message.reactions.push(Reaction { name: name.to_owned(), count: 1, users: vec![BOT_ID.into()] });
            }
        }
        let arguments = json!({"channel": channel, "ts": ts, "name": emoji});
        self.journal.record("slack_add_reaction", &arguments, &json!({"ok": true}))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use e2e::{mock::Journal, slack_messages::Workspace};

    use super::Store;

    fn store() -> Store {
        Store::new(Workspace::generate().unwrap(), Journal::default())
    }

    #[test]
    fn what_is_posted_can_be_read_and_is_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("writes.jsonl");
        let journal = Journal::open(Some(&path)).unwrap();
        let store = Store::new(Workspace::generate().unwrap(), journal);
        let posted = store.post("#random", "hello").unwrap();
        assert!(store.workspace().messages.contains(&posted));
        let line = std::fs::read_to_string(&path).unwrap();
        assert!(line.contains("slack_post_message") && line.contains("hello"), "{line}");
    }

    #[test]
    fn one_reacts_once() {
        let store = store();
        let first = store.workspace().messages[0].clone();
        store.react(&first.channel, &first.ts, ":wave:").unwrap();
        let again = store.react(&first.channel, &first.ts, "wave").unwrap_err().to_string();
        assert!(again.contains("already_reacted"), "{again}");
    }

    #[test]
    fn what_is_not_there_is_named() {
        let store = store();
        let check = |outcome: Result<(), super::SlackError>, says: &str| {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        check(store.post("nowhere", "hello").map(drop), "`nowhere`");
        check(store.post("random", "  ").map(drop), "no_text");
        check(store.react("random", "1.0", "wave"), "`1.0`");
    }
}
