//! Writes the tickets: drafts of every topic first, then numbered in the order of their creation.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{Comment, Named, Person, STATUSES, Status, Ticket};
use crate::{
    phrasebook::{Phrasebook, Topic, marks::Marks, sentence::Sentence, wording::Wording},
    random::Dice,
    slack_messages::users,
};

/// 2026-05-18 08:00 UTC, in seconds since 1970.
const FIRST_TICKET_S: u64 = 1_779_091_200;
const SPAN_S: u64 = 180 * 86_400;
/// After this many clashes a summary is told apart by the team in front of it.
const CLASHES_MAX: usize = 6;
const PRIORITIES: [&str; 5] = ["Lowest", "Low", "Medium", "High", "Highest"];

struct Draft<'book> {
    topic: &'book Topic,
    project: String,
    created_s: u64,
    summary: String,
    marks: Marks,
    wording: Wording<'book>,
}

/// The tickets in the order of their creation, and by key what each is about.
pub(super) fn write(book: &Phrasebook, seed: u64, base_url: &str) -> (Vec<Ticket>, BTreeMap<String, Marks>) {
    let mut writer =
        Writer { dice: Dice::new(seed), people: people(), base_url: base_url.trim_end_matches('/').to_owned() };
    let mut drafts = writer.drafts(book);
    drafts.sort_by_key(|draft| draft.created_s);
    let mut marks = BTreeMap::new();
    let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
    let mut tickets = Vec::with_capacity(drafts.len());
    for (mut draft, id) in drafts.into_iter().zip(10_001..) {
        let number = numbers.entry(draft.project.clone()).or_default();
        *number += 1;
        let key = format!("{}-{number}", draft.project);
        let ticket = writer.ticket(&mut draft, id, key);
        marks.insert(ticket.key.clone(), draft.marks);
        tickets.push(ticket);
    }
    (tickets, marks)
}

/// Everyone of the company, as Jira shows them.
fn people() -> Vec<Person> {
    let people = users().into_iter();
    people
        .map(|user| Person {
            email: Some(format!("{}@shop.example", user.name)),
            display_name: user.real_name,
            name: user.name,
            avatar_url: None,
        })
        .collect()
}

struct Writer {
    dice: Dice,
    people: Vec<Person>,
    base_url: String,
}

impl Writer {
    fn drafts<'book>(&mut self, book: &'book Phrasebook) -> Vec<Draft<'book>> {
        let mut drafts = Vec::new();
        let mut taken = BTreeSet::new();
        for topic in &book.topics {
            let mut order: Vec<&Sentence> = topic.openings.iter().collect();
            self.dice.shuffle(&mut order);
            let mut templates = order.into_iter().cycle();
            let count = if topic.has("whole") { 1 } else { topic.number("count") };
            for _ in 0..count {
                let mut wording = Wording::new(book);
                let Some((summary, opening)) = self.summary(&mut templates, &mut wording, &mut taken) else {
                    break;
                };
                let project = self.dice.pick(topic.list("projects")).cloned().unwrap_or_default();
                drafts.push(Draft {
                    topic,
                    project,
                    created_s: FIRST_TICKET_S + self.dice.number(0..=SPAN_S),
                    summary,
                    marks: opening.marks(&topic.about()),
                    wording,
                });
            }
        }
        drafts
    }

    /// A summary no other ticket has; `None` when even the team in front does not make it one.
    fn summary<'book>(
        &mut self,
        templates: &mut impl Iterator<Item = &'book Sentence>,
        wording: &mut Wording<'_>,
        taken: &mut BTreeSet<String>,
    ) -> Option<(String, &'book Sentence)> {
        for (attempt, template) in templates.take(CLASHES_MAX * 2).enumerate() {
            let mut summary = wording.render(&template.text, &mut self.dice);
            if attempt >= CLASHES_MAX {
                summary = format!("[{}] {summary}", wording.render("{team}", &mut self.dice));
            }
            if taken.insert(summary.clone()) {
                return Some((summary, template));
            }
        }
        None
    }

    fn ticket(&mut self, draft: &mut Draft<'_>, id: u32, key: String) -> Ticket {
        let topic = draft.topic;
        let description = self.description(draft);
        let comments = self.comments(draft);
        let touched = draft.created_s + self.dice.number(0..=9 * 86_400);
        let updated = comments.last().map(|comment| comment.created.clone());
        Ticket {
            id: id.to_string(),
            browse_url: format!("{}/browse/{key}", self.base_url),
            key,
            summary: draft.summary.clone(),
            description,
            status: self.status(),
            issue_type: Named { name: self.dice.pick(topic.list("types")).cloned().unwrap_or_default() },
            priority: Named { name: self.dice.pick(&PRIORITIES).copied().unwrap_or_default().to_owned() },
            assignee: self.dice.chance(80).then(|| self.person()),
            reporter: self.person(),
            labels: self.labels(topic),
            created: stamp(draft.created_s),
            updated: updated.unwrap_or_else(|| stamp(touched)),
            comments,
        }
    }

    /// Sentences of the topic: up to three in any order, or all as they stand.
    fn description(&mut self, draft: &mut Draft<'_>) -> String {
        let mut sentences: Vec<&Sentence> = draft.topic.sequels.iter().collect();
        if !draft.topic.has("whole") {
            self.dice.shuffle(&mut sentences);
            let length = 1 + usize::from(self.dice.chance(70)) + usize::from(self.dice.chance(35));
            sentences.truncate(length);
        }
        let mut rendered = Vec::with_capacity(sentences.len());
        for sentence in sentences {
            rendered.push(draft.wording.render(&sentence.text, &mut self.dice));
            draft.marks.add(&sentence.added());
        }
        rendered.join(" ")
    }

    fn comments(&mut self, draft: &mut Draft<'_>) -> Vec<Comment> {
        let mut order: Vec<&Sentence> = draft.topic.replies.iter().collect();
        if !draft.topic.has("whole") {
            if !self.dice.chance(draft.topic.number("threads")) {
                return Vec::new();
            }
            self.dice.shuffle(&mut order);
            order.truncate(1 + usize::from(self.dice.chance(40)) + usize::from(self.dice.chance(15)));
        }
        let mut at_s = draft.created_s;
        let mut comments = Vec::new();
        for (reply, id) in order.into_iter().zip(1..) {
            at_s += self.dice.number(600..=4 * 86_400);
            comments.push(Comment {
                id: format!("{at_s}{id}"),
                body: draft.wording.render(&reply.text, &mut self.dice),
                author: self.person(),
                created: stamp(at_s),
            });
        }
        comments
    }

    fn status(&mut self) -> Status {
        let (name, category, color) = self.dice.pick(&STATUSES).copied().unwrap_or_default();
        Status { name: name.to_owned(), category: category.to_owned(), color: color.to_owned() }
    }

    fn labels(&mut self, topic: &Topic) -> Vec<String> {
        let tags = topic.list("tags").to_vec().into_iter();
        tags.filter(|_| self.dice.chance(60)).collect()
    }

    fn person(&mut self) -> Person {
        self.dice.pick(&self.people).cloned().unwrap_or_else(Person::token_owner)
    }
}

/// A moment the way mcp-atlassian writes it.
fn stamp(seconds: u64) -> String {
    let since_1970 = SignedDuration::from_secs(seconds.try_into().unwrap_or(0));
    let at = Timestamp::UNIX_EPOCH + since_1970;
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
