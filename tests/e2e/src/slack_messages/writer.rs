//! Writes the messages: for each topic its number of openings, some with a sequel, some with a thread below them; and
//! the conversations that are written as they stand.

mod whole;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Channel, Message, Reaction, User,
    people::{bots, users},
    timeline,
};
use crate::{
    phrasebook::{Phrasebook, Topic, marks::Marks, sentence::Sentence, wording::Wording},
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

/// The messages, newest first, and by `ts` what each is about.
pub(super) struct Written {
    pub(super) messages: Vec<Message>,
    pub(super) marks: BTreeMap<String, Marks>,
}

/// What somebody is about to say.
struct Draft {
    at_s: u64,
    channel: Channel,
    author: User,
    text: String,
    marks: Marks,
    thread_ts: Option<String>,
}

/// Writes everything the book asks for.
pub(super) fn write(book: &Phrasebook, seed: u64, channels: &[Channel]) -> Written {
    let mut writer = Writer {
        book,
        dice: Dice::new(seed),
        people: users(),
        bots: bots(),
        channels: channels.to_vec(),
        openings: BTreeSet::new(),
        replies: BTreeSet::new(),
        messages: Vec::new(),
        marks: BTreeMap::new(),
    };
    for topic in &book.topics {
        writer.dice = Dice::new(seed ^ fingerprint(topic));
        if topic.has("whole") {
            writer.write_whole(topic);
        } else {
            writer.write_topic(topic);
        }
    }
    writer.messages.sort_by(|one, other| other.ts.cmp(&one.ts));
    Written { messages: writer.messages, marks: writer.marks }
}

/// FNV-1a of what tells a topic from the others: a change of one leaves those before it as they are, and those after
/// it too but for a reply that was used already.
fn fingerprint(topic: &Topic) -> u64 {
    let opening = topic.openings.first().map_or("", |sentence| sentence.text.as_str());
    let bytes = topic.name.bytes().chain(opening.bytes());
    bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3))
}

struct Writer<'book> {
    book: &'book Phrasebook,
    dice: Dice,
    people: Vec<User>,
    bots: Vec<User>,
    channels: Vec<Channel>,
    /// Already used: no two conversations begin with the same words.
    openings: BTreeSet<String>,
    replies: BTreeSet<String>,
    messages: Vec<Message>,
    marks: BTreeMap<String, Marks>,
}

impl Writer<'_> {
    fn write_topic(&mut self, topic: &Topic) {
        let mut order: Vec<&Sentence> = topic.openings.iter().collect();
        self.dice.shuffle(&mut order);
        let mut templates = order.into_iter().cycle();
        for _ in 0..topic.number("count") {
            let mut wording = Wording::new(self.book);
            let opening = templates.by_ref().take(topic.openings.len() * 4).find_map(|template| {
                let text = wording.render(&template.text, &mut self.dice);
                self.openings.insert(text.clone()).then(|| (text, template.marks(&topic.about())))
            });
            let Some(opening) = opening else { return };
            if topic.has("by") {
                self.write_report(topic, opening);
            } else {
                self.write_conversation(topic, opening, wording);
            }
        }
    }

    /// What a program posts: at any hour, as it stands, and nobody answers.
    fn write_report(&mut self, topic: &Topic, (text, marks): (String, Marks)) {
        let at_s = timeline::any_moment(&mut self.dice);
        let bot = topic.list("by").iter().find_map(|name| self.bots.iter().find(|bot| bot.name == *name));
        if let (Some(author), Some(channel)) = (bot.cloned(), self.channel(topic)) {
            self.post_plain(Draft { at_s, channel, author, text, marks, thread_ts: None }, Vec::new());
        }
    }

    fn write_conversation(&mut self, topic: &Topic, (mut text, mut marks): (String, Marks), mut wording: Wording<'_>) {
        let mut sequels: Vec<&Sentence> = topic.sequels.iter().collect();
        self.dice.shuffle(&mut sequels);
        let length = usize::from(self.dice.chance(SEQUEL_PERCENT)) + usize::from(self.dice.chance(SEQUEL_PERCENT / 2));
        for sequel in sequels.into_iter().take(length) {
            text = format!("{text} {}", wording.render(&sequel.text, &mut self.dice));
            marks.add(&sequel.added());
        }
        if self.dice.chance(GREETING_PERCENT)
            && let Some(greeting) = self.dice.pick(&GREETINGS)
        {
            text = format!("{greeting}{text}");
        }
        let at_s = timeline::moment(&mut self.dice);
        let (Some(channel), Some(author)) = (self.channel(topic), self.author(&text, &[])) else {
            return;
        };
        let root = self.post(Draft { at_s, channel, author, text, marks: marks.clone(), thread_ts: None });
        if self.dice.chance(topic.number("threads")) {
            self.write_thread(topic, wording, (root, at_s, marks));
        }
    }

    fn write_thread(
        &mut self,
        topic: &Topic,
        mut wording: Wording<'_>,
        (root, mut at_s, marks): (Message, u64, Marks),
    ) {
        let mut own: Vec<&Sentence> = topic.replies.iter().collect();
        self.dice.shuffle(&mut own);
        let channel = channel_of(&root);
        let length = 1 + usize::from(self.dice.chance(35)) + usize::from(self.dice.chance(12));
        for _ in 0..length {
            let Some((text, marks)) = self.reply(&mut own, &mut wording, &marks) else {
                break;
            };
            let Some(author) = self.author(&text, &[&root.user]) else {
                break;
            };
            at_s += timeline::pause(&mut self.dice);
            let thread_ts = Some(root.ts.clone());
            self.post(Draft { at_s, channel: channel.clone(), author, text, marks, thread_ts });
        }
        self.make_root(&root.ts);
    }

    /// One of the topic's `own` replies or one that fits anywhere, and what it is about (`opening` is what the message
    /// above is about). Prefers words that were not used yet.
    fn reply(
        &mut self,
        own: &mut Vec<&Sentence>,
        wording: &mut Wording<'_>,
        opening: &Marks,
    ) -> Option<(String, Marks)> {
        let general = self.book.topic("anywhere").map_or(&[][..], |topic| &topic.replies[..]);
        let mut latest = None;
        for _ in 0..REPLY_ATTEMPTS {
            let anywhere = self.dice.chance(ANYWHERE_PERCENT);
            let template = if anywhere { self.dice.pick(general) } else { own.pop() };
            let Some(template) = template else { continue };
            let text = wording.render(&template.text, &mut self.dice);
            let fresh = self.replies.insert(text.clone());
            let marks = if anywhere { opening.weakened() } else { template.marks(opening) };
            latest = Some((text, marks));
            if fresh {
                break;
            }
        }
        latest
    }

    /// The message with that `ts` has a thread below it.
    fn make_root(&mut self, ts: &str) {
        if let Some(message) = self.messages.iter_mut().rfind(|message| message.ts == ts) {
            message.thread_ts = Some(message.ts.clone());
        }
    }

    /// One of the channels of the topic.
    fn channel(&mut self, topic: &Topic) -> Option<Channel> {
        let name = self.dice.pick(topic.list("channels"))?;
        self.channels.iter().find(|channel| channel.name == *name).cloned()
    }

    fn post(&mut self, draft: Draft) -> Message {
        let reactions = self.reactions();
        self.post_plain(draft, reactions)
    }

    fn post_plain(&mut self, draft: Draft, reactions: Vec<Reaction>) -> Message {
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
            reactions,
        };
        self.marks.insert(message.ts.clone(), draft.marks);
        self.messages.push(message.clone());
        message
    }

    /// Somebody who is not named in the text and is none of `except` (ids).
    fn author(&mut self, text: &str, except: &[&str]) -> Option<User> {
        let people = self.people.iter();
        let free: Vec<&User> =
            people.filter(|user| !is_named(user, text) && !except.contains(&user.id.as_str())).collect();
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

fn is_named(user: &User, text: &str) -> bool {
    user.real_name.split(' ').next().is_some_and(|first| text.contains(first))
}

/// The channel a message stands in.
fn channel_of(message: &Message) -> Channel {
    Channel { id: message.channel.clone(), name: message.channel_name.clone(), purpose: String::new() }
}
