//! Verification of a chain: one reading from the first record to the last, which names the first that is wrong.
//!
//! The same for the gateway's recovery, the control plane's ingest, `mcpctl audit verify` online and on an export.

use super::chain::{Body, Checkpoint, Entry, Hash, Head};
use crate::{name::Name, timestamp::Timestamp};
use ed25519_dalek::VerifyingKey;
use std::fmt;

/// Most records between two checkpoints; a chain with more was not written by a gateway.
pub const UNSIGNED_RECORDS_MAX: u64 = 4_096;
/// A clock that goes back by more than this between two checkpoints is told of, in milliseconds.
const CLOCK_BACK_MS_MIN: i64 = 5_000;

/// Whose signatures count.
#[derive(Debug, Clone)]
pub enum Trust {
    /// Those made with one of these keys.
    Keys(Vec<VerifyingKey>),
    /// Nobody's: only the links are checked.
    LinksOnly,
}

/// Where a reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the first record there ever was.
    Beginning,
    /// Behind this record; `checkpoint` is the hash of the last checkpoint, if it is known.
    After {
        /// The record before.
        head: Head,
        /// The checkpoint before.
        checkpoint: Option<Hash>,
    },
    /// In the middle: the first record is believed.
    Anywhere,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is no record.
    #[error("it is no record: {0}")]
    Unreadable(String),
    /// It is in the wrong chain.
    #[error("it is of gateway `{0}`")]
    Foreign(Name),
    /// It is missing, and every one up to this.
    #[error("it is missing (as is every one up to {0})")]
    Missing(u64),
    /// It is there again, or out of order.
    #[error("it is out of order, behind record {after}")]
    OutOfOrder {
        /// The position before.
        after: u64,
    },
    /// Its text is not what the next record has the hash of.
    #[error("it was changed")]
    Changed,
    /// It is not the one that was signed for.
    #[error("its signature is not valid")]
    NotSigned,
    /// It does not follow the checkpoint before it.
    #[error("it does not follow the checkpoint before it")]
    CheckpointOutOfOrder,
    /// No checkpoint for too long.
    #[error("there is no checkpoint for more than {UNSIGNED_RECORDS_MAX} records")]
    Unsigned,
}

/// The first record that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// In whose chain.
    pub gateway: Name,
    /// Its start of the process.
    pub epoch: u64,
    /// Its position.
    pub seq: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} (epoch {}) of `{}`: {}", self.seq, self.epoch, self.gateway, self.fault)
    }
}

impl std::error::Error for Broken {}

/// What is no proof of anything, and somebody may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// The log began anew: its files were lost, or moved away.
    BeganAnew {
        /// The last record before.
        after: Head,
        /// The new start.
        epoch: u64,
    },
    /// Records are no longer there: the control plane says, signed, that it let them go for their age.
    LetGo {
        /// The last record read before; [`Head::NONE`] at the beginning.
        after: Head,
        /// The last of those that are gone.
        upto: Head,
    },
    /// The gateway's clock went back.
    ClockBack {
        /// At which checkpoint.
        seq: u64,
        /// By how much, in milliseconds.
        by_ms: i64,
    },
}

/// Reads one chain.
#[derive(Debug)]
pub struct Verifier {
    gateway: Name,
    trust: Trust,
    head: Head,
    believes: bool,
    checkpoint: Option<Hash>,
    clock: Option<Timestamp>,
    unsigned: u64,
    records: u64,
    checkpoints: u64,
    /// A record whose `prev` is not the hash of the one before: the next one tells which of the two was changed.
    suspect: Option<Suspect>,
    remarks: Vec<Remark>,
    let_go: Option<Head>,
}

#[derive(Debug, Clone, Copy)]
struct Suspect {
    before: Head,
    itself: Head,
    /// The hash it would have, were its link right.
    mended: Hash,
}

impl Suspect {
    /// Whose fault it is, where the record that follows, or what is known of the end, says `hash` of this one. Of two that may
    /// both have been changed the first is named.
    fn culprit(self, hash: Option<Hash>) -> Head {
        if hash == Some(self.mended) { self.itself } else { self.before }
    }
}

impl Verifier {
    /// Reads the chain of `gateway`.
    #[must_use]
    pub fn new(gateway: Name, trust: Trust, start: Start) -> Self {
        let (head, checkpoint) = match start {
            Start::Beginning => (Head::NONE, Some(Hash::NONE)),
            Start::After { head, checkpoint } => (head, checkpoint),
            Start::Anywhere => (Head::NONE, None),
        };
        Self {
            gateway,
            trust,
            head,
            believes: start == Start::Anywhere,
            checkpoint,
            clock: None,
            unsigned: 0,
            records: 0,
            checkpoints: 0,
            suspect: None,
            remarks: Vec::new(),
            let_go: None,
        }
    }

    /// Accepts that records up to the checkpoint `upto` are not there. What follows it proves by its link that it does.
    #[must_use]
    pub fn without(mut self, upto: Option<Head>) -> Self {
        self.let_go = upto;
        self
    }

    /// The newest record read.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// The hash of the newest checkpoint; none when none is known.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Hash> {
        self.checkpoint
    }

    /// How many records, and how many checkpoints among them, were read.
    #[must_use]
    pub fn count(&self) -> (u64, u64) {
        (self.records, self.checkpoints)
    }

    /// What somebody may want to know.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// [`Broken`]: this record, or the one before it, is the first that is wrong.
    pub fn take(&mut self, text: &str) -> Result<Entry, Broken> {
        let entry: Entry = serde_json::from_str(text).map_err(|error| {
            let unreadable = || self.broken(self.next(), Fault::Unreadable(error.to_string()));
            self.blame(None).err().unwrap_or_else(unreadable)
        })?;
        let head = entry.head(text);
        if let Some(suspect) = self.suspect {
            return Err(self.broken(suspect.culprit(Some(entry.prev)), Fault::Changed));
        }
        self.pass_over(&entry);
        self.place(&entry).map_err(|fault| match fault {
            Fault::Missing(_) => self.broken(self.next(), fault),
            _ => self.broken(head, fault),
        })?;
        if !self.believes && entry.prev != self.head.hash {
            // Not told yet: whose fault it is, the next record knows.
            let mended = text.replacen(&entry.prev.to_string(), &self.head.hash.to_string(), 1);
            let mended = Entry { prev: self.head.hash, ..entry.clone() }.hash(&mended);
            self.suspect = Some(Suspect { before: self.head, itself: head, mended });
            return Ok(entry);
        }
        self.believes = false;
        if let Body::Checkpoint(checkpoint) = &entry.body {
            self.check(&entry, checkpoint, head).map_err(|fault| self.broken(head, fault))?;
        } else {
            self.unsigned += 1;
            if self.unsigned > UNSIGNED_RECORDS_MAX && matches!(self.trust, Trust::Keys(_)) {
                return Err(self.broken(head, Fault::Unsigned));
            }
        }
        self.records += 1;
        self.head = head;
        Ok(entry)
    }

    /// Ends the reading; `known` is a head that is known to have been there.
    ///
    /// # Errors
    /// [`Broken`]: the last record is wrong, or some after it are missing.
    pub fn finish(&self, known: Option<&Head>) -> Result<(), Broken> {
        self.blame(known)?;
        match known {
            Some(known) if (known.epoch, known.seq) > (self.head.epoch, self.head.seq) => {
                Err(self.broken(self.next(), Fault::Missing(known.seq)))
            }
            Some(known) if known.seq == self.head.seq && known.hash != self.head.hash => {
                Err(self.broken(self.head, Fault::Changed))
            }
            _ => Ok(()),
        }
    }

    /// A suspect that nothing follows: what is `known` of the end tells.
    fn blame(&self, known: Option<&Head>) -> Result<(), Broken> {
        let hash = known.map(|known| known.hash);
        self.suspect.map_or(Ok(()), |suspect| Err(self.broken(suspect.culprit(hash), Fault::Changed)))
    }

    /// Goes on behind the records that were let go where `entry` follows the last of them, and not all of them were read.
    fn pass_over(&mut self, entry: &Entry) {
        let Some(upto) = self.let_go else { return };
        let unread = (self.head.epoch, self.head.seq) < (upto.epoch, upto.seq);
        if unread && entry.seq == upto.seq + 1 && entry.prev == upto.hash {
            self.remarks.push(Remark::LetGo { after: self.head, upto });
            // Only what ends with a checkpoint is let go.
            (self.head, self.checkpoint, self.unsigned) = (upto, Some(upto.hash), 0);
        }
    }

    /// Whether `entry` stands in its place.
    fn place(&mut self, entry: &Entry) -> Result<(), Fault> {
        if entry.gateway != self.gateway {
            return Err(Fault::Foreign(entry.gateway.clone()));
        }
        if entry.event().is_some_and(|event| event.gateway != entry.gateway || event.seq != entry.seq) {
            return Err(Fault::Unreadable("the event in it says another place than the record".to_owned()));
        }
        if self.believes {
            return Ok(());
        }
        let anew = entry.seq == 1 && entry.prev == Hash::NONE && entry.epoch > self.head.epoch;
        if anew {
            if self.head != Head::NONE {
                self.remarks.push(Remark::BeganAnew { after: self.head, epoch: entry.epoch });
                (self.head, self.checkpoint, self.unsigned) = (Head::NONE, Some(Hash::NONE), 0);
            }
            return Ok(());
        }
        let next = self.head.seq + 1;
        if entry.seq > next {
            return Err(Fault::Missing(entry.seq - 1));
        }
        if entry.seq < next || entry.epoch < self.head.epoch {
            return Err(Fault::OutOfOrder { after: self.head.seq });
        }
        Ok(())
    }

    fn check(&mut self, entry: &Entry, checkpoint: &Checkpoint, head: Head) -> Result<(), Fault> {
        if let Trust::Keys(keys) = &self.trust
            && !entry.is_signed(checkpoint, keys)
        {
            return Err(Fault::NotSigned);
        }
        if self.checkpoint.is_some_and(|previous| previous != checkpoint.previous) {
            return Err(Fault::CheckpointOutOfOrder);
        }
        if let Some(before) = self.clock {
            let by_ms = before.as_millis() - checkpoint.time.as_millis();
            if by_ms > CLOCK_BACK_MS_MIN {
                self.remarks.push(Remark::ClockBack { seq: entry.seq, by_ms });
            }
        }
        self.clock = Some(checkpoint.time);
        (self.checkpoint, self.unsigned) = (Some(head.hash), 0);
        self.checkpoints += 1;
        Ok(())
    }

    fn next(&self) -> Head {
        Head { seq: self.head.seq + 1, ..self.head }
    }

    fn broken(&self, at: Head, fault: Fault) -> Broken {
        Broken { gateway: self.gateway.clone(), epoch: at.epoch, seq: at.seq, fault }
    }
}

#[cfg(test)]
mod tests;
