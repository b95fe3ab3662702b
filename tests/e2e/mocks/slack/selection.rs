//! Which messages `slack_get_messages` answers with: by channel, time and page.

use e2e::slack_messages::Message;
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;

use crate::replies::{Messages, ResponseMetadata, SlackError};

/// Most messages one answer may hold.
pub(crate) const MESSAGES_MAX: usize = 2_000;
const CURSOR_PREFIX: &str = "before:";

/// Which messages to get; without any of these, all.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Selection {
    /// Channel id or name; all channels when absent.
    #[serde(default)]
    pub(crate) channel: Option<String>,
    /// Only messages from this moment on: a date, an RFC 3339 time or a `ts`.
    #[serde(default)]
    pub(crate) since: Option<String>,
    /// Only messages up to this moment; a date includes its whole day.
    #[serde(default)]
    pub(crate) until: Option<String>,
    /// At most this many messages, 1 to 2000; all that fit when absent.
    #[serde(default)]
    pub(crate) limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    pub(crate) cursor: Option<String>,
}

impl Selection {
    /// One page of `messages`, which are newest first; `channel` is the id of the channel asked for.
    pub(crate) fn page(&self, messages: &[Message], channel: Option<&str>) -> Result<Messages, SlackError> {
        let limit = self.limit.unwrap_or(MESSAGES_MAX);
        if !(1..=MESSAGES_MAX).contains(&limit) {
            return Err(SlackError::Limit { given: limit, max: MESSAGES_MAX });
        }
        let since = self.since.as_deref().map(|text| moment(text, 0)).transpose()?;
        let until = self.until.as_deref().map(|text| moment(text, 1)).transpose()?;
        let before = self.cursor.as_deref().filter(|cursor| !cursor.is_empty()).map(read_cursor).transpose()?;
        let mut found = messages.iter().filter(|message| {
            channel.is_none_or(|channel| message.channel == channel)
                && since.as_ref().is_none_or(|since| message.ts >= *since)
                && until.as_ref().is_none_or(|until| message.ts <= *until)
                && before.is_none_or(|before| message.ts.as_str() < before)
        });
        let page: Vec<Message> = found.by_ref().take(limit).cloned().collect();
        let has_more = found.next().is_some();
        let last = page.last().filter(|_| has_more);
        let next_cursor = last.map(|message| format!("{CURSOR_PREFIX}{}", message.ts)).unwrap_or_default();
        Ok(Messages { ok: true, messages: page, has_more, response_metadata: ResponseMetadata { next_cursor } })
    }
}

fn read_cursor(cursor: &str) -> Result<&str, SlackError> {
    let ts = cursor.strip_prefix(CURSOR_PREFIX).filter(|ts| is_ts(ts));
    ts.ok_or_else(|| SlackError::Cursor(cursor.to_owned()))
}

/// The moment as a `ts`, which all have ten digits before the point, so that text order is time order. A date means
/// its midnight, `days` later.
fn moment(text: &str, days: i64) -> Result<String, SlackError> {
    let unreadable = || SlackError::Time(text.to_owned());
    if is_ts(text) {
        return Ok(text.to_owned());
    }
    let at = match text.parse::<Date>() {
        Ok(date) if !text.contains('T') => {
            let day = date.checked_add(days.days()).map_err(|_| unreadable())?;
            day.to_zoned(TimeZone::UTC).map_err(|_| unreadable())?.timestamp()
        }
        _ => text.parse::<Timestamp>().map_err(|_| unreadable())?,
    };
    Ok(as_ts(at))
}

fn is_ts(text: &str) -> bool {
    let (seconds, decimals) = text.split_once('.').unwrap_or((text, ""));
    seconds.len() == 10 && seconds.bytes().chain(decimals.bytes()).all(|byte| byte.is_ascii_digit())
}

/// A moment the way Slack writes it.
pub(crate) fn as_ts(at: Timestamp) -> String {
    format!("{:010}.{:06}", at.as_second(), at.subsec_microsecond())
}

#[cfg(test)]
mod tests {
    use e2e::slack_messages::Workspace;

    use super::Selection;
    use crate::replies::Messages;

    fn page(selection: &Selection) -> Messages {
        selection.page(&Workspace::generate().unwrap().messages, selection.channel.as_deref()).unwrap()
    }

    #[test]
    fn without_arguments_everything_comes_on_one_page() {
        let all = page(&Selection::default());
        assert_eq!(all.messages.len(), Workspace::generate().unwrap().messages.len());
        assert!(!all.has_more && all.response_metadata.next_cursor.is_empty());
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_overlap() {
        let mut collected = Vec::new();
        let mut selection = Selection { limit: Some(500), ..Selection::default() };
        loop {
            let mut next = page(&selection);
            collected.append(&mut next.messages);
            if !next.has_more {
                break;
            }
            selection.cursor = Some(next.response_metadata.next_cursor);
        }
        assert_eq!(collected, Workspace::generate().unwrap().messages);
    }

    #[test]
    fn channel_and_time_narrow_the_page() {
        let one = page(&Selection { channel: Some("C0DEMO04".into()), ..Selection::default() });
        assert!(!one.messages.is_empty() && one.messages.iter().all(|m| m.channel_name == "security"));
        let day = page(&Selection {
            since: Some("2026-10-14".into()),
            until: Some("2026-10-14".into()),
            ..Selection::default()
        });
        let hours = page(&Selection {
            since: Some("2026-10-14T00:00:00Z".into()),
            until: Some("2026-10-15T00:00:00Z".into()),
            ..Selection::default()
        });
        assert!(day.messages.len() > 10);
        assert_eq!(day.messages, hours.messages);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_hint() {
        let check = |selection: Selection, says: &str| {
            let error = selection.page(&[], None).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        check(Selection { since: Some("last week".into()), ..Selection::default() }, "`last week`");
        check(Selection { limit: Some(0), ..Selection::default() }, "between 1 and 2000");
        check(Selection { limit: Some(2_001), ..Selection::default() }, "between 1 and 2000");
        check(Selection { cursor: Some("7".into()), ..Selection::default() }, "next_cursor");
    }
}
