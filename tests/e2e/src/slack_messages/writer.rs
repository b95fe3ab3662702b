//! Writes the messages: for each topic its number of openings, some with a sequel, some with a thread below them.

use std::collections::BTreeSet;

use super::{
    Channel, Message, Reaction, User,
    people::{channels, users},
    timeline,
};
use crate::{
    phrasebook::{Phrasebook, Topic, wording::Wording},
    random::Dice,
};

const SEQUEL_PERCENT: u64 = 40;
const GREETING_PERCENT: u64 = 9;
const REACTION_PERCENT: u64 = 22;
/// Of 100 replies, how many could stand under any message ("On it.").
const ANYWHERE_PERCENT: u64 = 35;
/// How often a reply is worded anew when somebody said just that before.
const REPLY_ATTEMPTS: usize = 5;
const GREETINGS: [&str; 6] = ["FYI: ", "Hi all! ", "Morning! ", "@here ", "Quick one: ", "Hello team, "];
const EMOJI: [&str; 8] = ["eyes", "+1", "heart", "tada", "joy", "white_check_mark", "pray", "thinking_face"];

/// The messages, newest first, and the `ts` of those about security.
pub(super) struct Written {
    pub(super) messages: Vec<Message>,
    pub(super) security: BTreeSet<String>,
}

/// What somebody is about to say.
struct Draft {
    at_s: u64,
    channel: Channel,
    author: User,
    text: String,
    labelled: bool,
    thread_ts: Option<String>,
}

/// Writes everything the book asks for.
pub(super) fn write(book: &Phrasebook, seed: u64) -> Written {
    let mut writer = Writer {
        book,
        dice: Dice::new(seed),
        people: users(),
        channels: channels(),
        openings: BTreeSet::new(),
        replies: BTreeSet::new(),
        messages: Vec::new(),
        security: BTreeSet::new(),
    };
    for topic in &book.topics {
        writer.write_topic(topic);
    }
    writer.messages.sort_by(|one, other| other.ts.cmp(&one.ts));
    Written { messages: writer.messages, security: writer.security }
}

struct Writer<'book> {
    book: &'book Phrasebook,
    dice: Dice,
    people: Vec<User>,
    channels: Vec<Channel>,
    /// Already used: no two conversations begin with the same words.
    openings: BTreeSet<String>,
    replies: BTreeSet<String>,
    messages: Vec<Message>,
    security: BTreeSet<String>,
}

impl Writer<'_> {
    fn write_topic(&mut self, topic: &Topic) {
        let mut order: Vec<&String> = topic.openings.iter().collect();
        self.dice.shuffle(&mut order);
        let mut templates = order.into_iter().cycle();
        for _ in 0..topic.number("count") {
            let mut wording = Wording::new(self.book);
            let opening = templates.by_ref().take(topic.openings.len() * 4).find_map(|template| {
                let text = wording.render(template, &mut self.dice);
                self.openings.insert(text.clone()).then_some(text)
            });
            let Some(opening) = opening else { return };
            self.write_conversation(topic, opening, wording);
        }
    }

    fn write_conversation(&mut self, topic: &Topic, opening: String, mut wording: Wording<'_>) {
        let mut text = opening;
        let mut sequels: Vec<&String> = topic.sequels.iter().collect();
        self.dice.shuffle(&mut sequels);
        let length = usize::from(self.dice.chance(SEQUEL_PERCENT)) + usize::from(self.dice.chance(SEQUEL_PERCENT / 2));
        for sequel in sequels.into_iter().take(length) {
            text = format!("{text} {}", wording.render(sequel, &mut self.dice));
        }
        if self.dice.chance(GREETING_PERCENT)
            && let Some(greeting) = self.dice.pick(&GREETINGS)
        {
            text = format!("{greeting}{text}");
        }
        let at_s = timeline::moment(&mut self.dice);
        let name = self.dice.pick(topic.list("channels")).cloned().unwrap_or_default();
        let channel = self.channels.iter().find(|channel| channel.name == name).cloned();
        let (Some(channel), Some(author)) = (channel, self.author(&text, None)) else {
            return;
        };
        let labelled = topic.has("labelled");
        let root = self.post(Draft { at_s, channel, author, text, labelled, thread_ts: None });
        if self.dice.chance(topic.number("threads")) {
            self.write_thread(topic, wording, (root, at_s));
        }
    }

    fn write_thread(&mut self, topic: &Topic, mut wording: Wording<'_>, (mut root, mut at_s): (Message, u64)) {
        let mut own: Vec<&String> = topic.replies.iter().collect();
        self.dice.shuffle(&mut own);
        let channel = Channel { id: root.channel.clone(), name: root.channel_name.clone(), purpose: String::new() };
        root.thread_ts = Some(root.ts.clone());
        let length = 1 + usize::from(self.dice.chance(35)) + usize::from(self.dice.chance(12));
        for _ in 0..length {
            let Some((text, labelled)) = self.reply(&mut own, &mut wording, topic.has("labelled")) else {
                break;
            };
            let Some(author) = self.author(&text, Some(&root.user)) else {
                break;
            };
            at_s += timeline::pause(&mut self.dice);
            self.post(Draft {
                at_s,
                channel: channel.clone(),
                author,
                text,
                labelled,
                thread_ts: root.thread_ts.clone(),
            });
        }
        if let Some(message) = self.messages.iter_mut().rfind(|message| message.ts == root.ts) {
            *message = root;
        }
    }

    /// One of the topic's `own` replies or one that fits anywhere, and whether it is about security (`labelled` is
    /// what the topic is). Prefers words that were not used yet.
    fn reply(&mut self, own: &mut Vec<&String>, wording: &mut Wording<'_>, labelled: bool) -> Option<(String, bool)> {
        let general = self.book.topic("anywhere").map_or(&[][..], |topic| &topic.replies[..]);
        let mut latest = None;
        for _ in 0..REPLY_ATTEMPTS {
            let anywhere = self.dice.chance(ANYWHERE_PERCENT);
            let template = if anywhere { self.dice.pick(general) } else { own.pop() };
            let Some(template) = template else { continue };
            let text = wording.render(template, &mut self.dice);
            let fresh = self.replies.insert(text.clone());
            latest = Some((text, labelled && !anywhere));
            if fresh {
                break;
            }
        }
        latest
    }

    fn post(&mut self, draft: Draft) -> Message {
        // 7919 has no factor in common with a million, so the decimals never repeat.
        let decimals = (self.messages.len() + 1) * 7_919 % 1_000_000;
        let message = Message {
            ts: format!("{}.{decimals:06}", draft.at_s),
            channel: draft.channel.id,
            channel_name: draft.channel.name,
            user: draft.author.id,
            user_name: draft.author.name,
            text: draft.text,
            thread_ts: draft.thread_ts,
            reactions: self.reactions(),
        };
        if draft.labelled {
            self.security.insert(message.ts.clone());
        }
        self.messages.push(message.clone());
        message
    }

    /// Somebody who is not named in the text and is not `except`.
    fn author(&mut self, text: &str, except: Option<&str>) -> Option<User> {
        let is_named = |user: &User| {
            let first = user.real_name.split(' ').next();
            first.is_some_and(|first| text.contains(first))
        };
        let people = self.people.iter();
        let free: Vec<&User> = people.filter(|user| !is_named(user) && Some(user.id.as_str()) != except).collect();
        self.dice.pick(&free).copied().cloned()
    }

    fn reactions(&mut self) -> Vec<Reaction> {
        if !self.dice.chance(REACTION_PERCENT) {
            return Vec::new();
        }
        let mut ids: Vec<String> = self.people.iter().map(|user| user.id.clone()).collect();
        self.dice.shuffle(&mut ids);
        ids.truncate(usize::try_from(self.dice.number(1..=5)).unwrap_or(1));
        let name = self.dice.pick(&EMOJI).copied().unwrap_or_default();
        vec![Reaction { name: name.to_owned(), count: ids.len(), users: ids }]
    }
}
