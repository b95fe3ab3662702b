//! Pins: the definition by which each tool of each server is trusted.
//!
//! The first definition seen of a tool is pinned at once, durably, and told to the control plane, whose pins come with
//! every snapshot and count more than what was seen here. A tool whose definition is another one is *quarantined*: its
//! server's [`offer`](crate::servers::offer) leaves it out, so that no list shows it and no name leads to it. Whoever
//! approves the new definition, or a server that goes back to the old one, releases it.
//!
//! What a tool does behind an unchanged definition cannot be seen here. Deliberately unknown here: who may call what.

mod book;
mod report;

pub use report::report;

use crate::{
    access::AccessLog,
    audit::Auditor,
    config::Freshness,
    drain::InFlight,
    record::{Ledger, Record},
    settings::replace_file,
    traces::Traces,
};
use arc_swap::ArcSwap;
use book::Book;
use control_plane_api::{name::Name, pin::Quarantine, snapshot::Snapshot};
use filters::{Exchange, Target};
use http::HeaderMap;
use parking_lot::Mutex;
use protocol::{
    Definition, Id, Members, Request,
    method::{self, Primitive},
};
use scrubber::Scrubber;
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::Notify;

/// The definitions of a server's tools by the server's own names; of one that cannot be used, why.
pub type Definitions = BTreeMap<String, Result<Definition, String>>;

/// Why a tool is offered to nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    /// Its definition is not the pinned one.
    #[error(
        "its definition changed since it was trusted: look at it with `mcpctl tools describe`, then `mcpctl tools approve` it"
    )]
    Changed(Quarantine),
    /// Its definition cannot be used, or could not be pinned.
    #[error("{0}")]
    Unusable(String),
}

/// Why the pins of before cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "the pinned definitions in `{}` cannot be read: {reason}; restore the file, or remove it to trust what servers \
     offer now", path.display()
)]
pub struct PinsError {
    path: PathBuf,
    reason: String,
}

/// The pins of this gateway.
pub struct Pins {
    path: PathBuf,
    auditor: Auditor,
    gateway: Name,
    scrubber: Scrubber,
    /// As it is on disk.
    book: ArcSwap<Book>,
    /// Whoever changes the book has it.
    turn: tokio::sync::Mutex<()>,
    /// The quarantined tools that were told of, with the digest found.
    told: Mutex<BTreeMap<(Name, String), String>>,
    /// Something may have to be reported.
    news: Notify,
}

impl Pins {
    /// Opens the pins in the file at `path`; changes are written down in `auditor` by `gateway`, without credentials.
    ///
    /// # Errors
    /// [`PinsError`] when there is a file that cannot be read: nothing may be taken for the first sight then.
    pub fn open(path: &Path, auditor: Auditor, (gateway, scrubber): (Name, Scrubber)) -> Result<Self, PinsError> {
        let damaged = |reason: String| PinsError { path: path.to_owned(), reason };
        let book = match std::fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Book::default(),
            Err(error) => return Err(damaged(error.to_string())),
        };
        Ok(Self {
            path: path.to_owned(),
            auditor,
            gateway,
            scrubber,
            book: ArcSwap::from_pointee(book),
            turn: tokio::sync::Mutex::default(),
            told: Mutex::default(),
            news: Notify::new(),
        })
    }

    /// Takes over what `snapshot` says is trusted. Of servers that are gone, or were made again, nothing is kept.
    pub async fn adopt(&self, snapshot: &Snapshot) {
        let _turn = self.turn.lock().await;
        let next = self.book.load().adopting(snapshot);
        if let Err(error) = self.keep(&next).await {
            // The same pins come with the last-known-good configuration; only what this gateway alone saw may be lost.
            tracing::error!(%error, path = %self.path.display(), "the pinned definitions cannot be written down");
        }
        self.book.store(Arc::new(next));
        self.told.lock().retain(|(server, _), _| self.book.load().servers.contains_key(server));
        self.news.notify_one();
    }

    /// Pins what is seen of `server` for the first time, before anybody is offered it, and tells of what changed.
    pub async fn meet(&self, server: &Name, definitions: &Definitions) {
        let turn = self.turn.lock().await;
        let mut next = Book::clone(&self.book.load());
        let added = next.meet(server, definitions);
        if !added.is_empty() {
            match self.keep(&next).await {
                Ok(()) => {
                    tracing::info!(%server, tools = added.len(), "pinned the definitions of tools seen for the first time");
                    self.book.store(Arc::new(next));
                    self.news.notify_one();
                }
                Err(error) => {
                    tracing::error!(%error, %server, path = %self.path.display(), "new tools are offered to nobody, because their definitions cannot be pinned");
                }
            }
        }
        drop(turn);
        self.tell(server, definitions).await;
    }

    /// The tools of `server` that are offered to nobody, and why.
    #[must_use]
    pub fn withheld(&self, server: &Name, definitions: &Definitions) -> BTreeMap<String, Withheld> {
        let book = self.book.load();
        let judged = definitions
            .iter()
            .filter_map(|(tool, definition)| Some((tool.clone(), book.judge(server, tool, definition).err()?)));
        judged.collect()
    }

    /// Writes every change into the audit log and the log, once; and every return.
    async fn tell(&self, server: &Name, definitions: &Definitions) {
        let withheld = self.withheld(server, definitions);
        let changed = |tool: &String| match withheld.get(tool) {
            Some(Withheld::Changed(quarantine)) => Some(quarantine),
            _ => None,
        };
        let mut records = Vec::new();
        {
            let mut told = self.told.lock();
            for tool in definitions.keys() {
                let place = (server.clone(), tool.clone());
                match changed(tool) {
                    Some(found) if told.get(&place) != Some(&found.digest) => {
                        told.insert(place, found.digest.clone());
                        records.push((tool, self.quarantined(server, tool, found), true));
                    }
                    None if told.remove(&place).is_some() => {
                        records.push((tool, "released: its definition is the trusted one".to_owned(), false));
                    }
                    _ => {}
                }
            }
        }
        for (tool, reason, is_quarantined) in records {
            if is_quarantined {
                tracing::warn!(%server, tool, reason, "a tool changed its definition and is offered to nobody");
            } else {
                tracing::info!(%server, tool, "a tool is offered again");
            }
            if let Err(error) = self.record(server, tool, reason, is_quarantined).await {
                tracing::error!(%error, %server, tool, "what became of a tool could not be written into the audit log");
            }
        }
    }

    fn quarantined(&self, server: &Name, tool: &str, found: &Quarantine) -> String {
        let book = self.book.load();
        let was = book.pin(server, tool).map_or("nothing", |pin| &pin.digest);
        format!("quarantined: sha256 {was} became {}; {}", found.digest, found.differences.join("; "))
    }

    /// The gateway's own listing in the audit log: which tool of which server, refused or let through.
    async fn record(
        &self,
        server: &Name,
        tool: &str,
        reason: String,
        refused: bool,
    ) -> Result<(), crate::audit::AuditError> {
        let request = Request { id: Id::Number(0), method: method::TOOLS_LIST.to_owned(), params: Members::new() };
        let mut exchange = Exchange::new(request, HeaderMap::new());
        exchange.primitive = Some(Primitive::Tool(tool.to_owned()));
        exchange.target = Some(Target::new(server.clone(), tool));
        let revision = self.book.load().revision;
        let ledger = Ledger {
            auditor: self.auditor.clone(),
            gateway: self.gateway.clone(),
            revision,
            values_of: Arc::default(),
            scrubber: self.scrubber.clone(),
            // Nobody asked: what a profile says of its age does not come into it.
            freshness: Freshness::always(),
            in_flight: InFlight::default(),
            traces: Traces::default(),
            access: AccessLog::default(),
        };
        let record = Record::open(exchange, ledger, method::TOOLS_LIST, 0);
        if refused { record.deny(reason, 0).await } else { record.admit(reason).await }
    }

    async fn keep(&self, book: &Book) -> io::Result<()> {
        let (path, text) = (self.path.clone(), serde_json::to_vec(book)?);
        tokio::task::spawn_blocking(move || replace_file(&path, &text)).await?
    }
}

#[cfg(test)]
mod tests;
