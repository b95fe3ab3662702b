//! Conversations that are written as they stand: one opening and all replies, in their order. Who speaks is thrown.

use super::{Draft, Message, Writer, channel_of, is_named, timeline};
use crate::{
    phrasebook::{Topic, marks::Marks, sentence::Sentence, wording::Wording},
    slack_messages::User,
};

/// Besides the one who begins, at most this many take part in a conversation.
const CAST_MAX: usize = 4;

impl Writer<'_> {
    /// Writes the first opening of the topic and its whole thread.
    pub(super) fn write_whole(&mut self, topic: &Topic) {
        let Some(opening) = topic.openings.first() else { return };
        let mut wording = Wording::new(self.book);
        let text = wording.render(&opening.text, &mut self.dice);
        let marks = opening.marks(&topic.about());
        let at_s = timeline::moment(&mut self.dice);
        let (Some(channel), Some(author)) = (self.channel(topic), self.author(&text, &[])) else {
            return;
        };
        self.openings.insert(text.clone());
        let root =
            self.post(Draft { at_s, channel, author: author.clone(), text, marks: marks.clone(), thread_ts: None });
        if topic.replies.is_empty() {
            return;
        }
        self.write_replies(&topic.replies, &mut wording, (&root, at_s, &author, &marks));
        self.make_root(&root.ts);
    }

    fn write_replies(
        &mut self,
        replies: &[Sentence],
        wording: &mut Wording<'_>,
        (root, mut at_s, opener, marks): (&Message, u64, &User, &Marks),
    ) {
        let cast = self.cast(opener);
        let mut latest = opener.clone();
        for reply in replies {
            let text = wording.render(&reply.text, &mut self.dice);
            let free: Vec<&User> = cast.iter().filter(|user| user.id != latest.id && !is_named(user, &text)).collect();
            let speaker = match self.dice.pick(&free) {
                _ if reply.by_opener => Some(opener.clone()),
                Some(user) => Some((*user).clone()),
                None => self.author(&text, &[&opener.id, &latest.id]),
            };
            let Some(speaker) = speaker else { return };
            at_s += timeline::pause(&mut self.dice);
            self.replies.insert(text.clone());
            self.post(Draft {
                at_s,
                channel: channel_of(root),
                author: speaker.clone(),
                text,
                marks: reply.marks(marks),
                thread_ts: Some(root.ts.clone()),
            });
            latest = speaker;
        }
    }

    /// Those who answer `opener`.
    fn cast(&mut self, opener: &User) -> Vec<User> {
        let mut others: Vec<User> = self.people.iter().filter(|user| user.id != opener.id).cloned().collect();
        self.dice.shuffle(&mut others);
        others.truncate(CAST_MAX);
        others
    }
}
