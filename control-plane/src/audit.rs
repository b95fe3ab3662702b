//! Audit logs of gateways, taken in: every record verified, kept once, and receipted.
//!
//! The same batch may come any number of times. What does not follow what is stored is refused if it was tampered with. A
//! record that is missing is told of for good, by `mcpctl audit verify` and in mcpd's own log, but what comes after it is
//! kept: to refuse it would lose more. mcpd's own log of changes is such a chain too, written where the change is.

mod checkpoints;

pub(crate) use checkpoints::Checkpoints;

use crate::{
    identity::Actor,
    secrets::Keys,
    store::{ChainEnd, Change, Store, StoreError, Tx},
};
use control_plane_api::{
    audit::{
        AuditBatch,
        chain::{Body, Entry, Head, Record, verifying_key},
        receipt::{ChainHead, Heads, Receipt, SignedText},
        verify::{Broken, Fault, Remark, Start, Trust, Verifier},
    },
    name::Name,
    timestamp::Timestamp,
};

/// Most keys of one gateway, over all its life.
const KEYS_MAX: usize = 64;

/// Why a batch is not taken. Nothing of it is kept then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IngestError {
    /// The key is none.
    #[error("`key` is not an Ed25519 public key in 64 hex digits")]
    Key,
    /// Too many of them.
    #[error("gateway `{0}` has signed with {KEYS_MAX} keys already")]
    TooManyKeys(Name),
    /// It was tampered with.
    #[error("{0}")]
    Broken(#[from] Broken),
    /// There is another record in this place.
    #[error("record {seq} of epoch {epoch} is not the one that is stored", seq = .0.seq, epoch = .0.epoch)]
    Conflict(Head),
    /// A local gateway tells of somebody who cannot have used it.
    #[error("the local gateway of a user has no records of user `{0}`")]
    Foreign(Name),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The receipt cannot be made.
    #[error("the receipt cannot be written: {0}")]
    Receipt(#[from] serde_json::Error),
}

impl IngestError {
    /// Whether it is the batch that is at fault.
    pub(crate) fn is_refusal(&self) -> bool {
        !matches!(self, Self::Store(_) | Self::Receipt(_))
    }
}

/// What was taken of a batch.
struct Taken {
    end: ChainEnd,
    fresh: u64,
    uses: Vec<(String, Timestamp)>,
    /// What somebody should know of: it goes into mcpd's own log.
    notes: Vec<String>,
}

/// A batch that was taken in.
pub(crate) struct Ingested {
    /// How many of its records were not there yet.
    pub(crate) fresh: u64,
    /// How far the gateway's records are stored.
    pub(crate) receipt: SignedText,
    /// Which tokens were used, and when.
    pub(crate) uses: Vec<(String, Timestamp)>,
}

/// Takes in `batch` of `gateway`, which may be the local one of `owner`; the receipt says how far its records are stored.
pub(crate) async fn ingest(
    store: &Store,
    keys: &Keys,
    (gateway, owner): (&Name, Option<&Name>),
    batch: &AuditBatch,
) -> Result<Ingested, IngestError> {
    verifying_key(&batch.key).ok_or(IngestError::Key)?;
    let mut tx = store.write().await?;
    tx.hold_gateway(gateway).await?;
    let mut notes = Vec::new();
    let mut known = tx.audit_keys(gateway).await?;
    if !known.contains(&batch.key) {
        if known.len() >= KEYS_MAX {
            return Err(IngestError::TooManyKeys(gateway.clone()));
        }
        tx.add_audit_key(gateway, &batch.key).await?;
        notes.push(format!("signs its audit log with the new key {}", batch.key));
        known.push(batch.key.clone());
    }
    let trust = Trust::Keys(known.iter().filter_map(|key| verifying_key(key)).collect());
    let taken = take(&mut tx, (gateway, owner), trust, &batch.records).await?;
    notes.extend(taken.notes);
    if notes.is_empty() {
        tx.commit().await?;
    } else {
        note(Change::begin(tx).await?, gateway, &notes).await?;
    }
    let receipt = Receipt { gateway: gateway.clone(), head: taken.end.head, time: Timestamp::now() };
    Ok(Ingested { fresh: taken.fresh, receipt: SignedText::new(&receipt, keys.signing())?, uses: taken.uses })
}

/// Verifies and keeps what is not there yet.
async fn take(
    tx: &mut Tx,
    (gateway, owner): (&Name, Option<&Name>),
    trust: Trust,
    texts: &[String],
) -> Result<Taken, IngestError> {
    let end = tx.chain_end(gateway).await?;
    let known = known(tx, gateway, end.head, texts).await?;
    let fresh = texts.get(known..).unwrap_or_default();
    let (mut verifier, mut notes) = (reader(gateway, &trust, end), Vec::new());
    let mut records = Vec::with_capacity(fresh.len());
    for text in fresh {
        let entry = match verifier.take(text) {
            // Only before the first: within a batch nothing may be missing.
            Err(Broken { seq, fault: Fault::Missing(to), .. }) if records.is_empty() => {
                tracing::error!(%gateway, from = seq, to, "Audit records are missing");
                notes.push(format!("audit records {seq} to {to} are missing"));
                verifier = Verifier::new(gateway.clone(), trust.clone(), Start::Anywhere);
                verifier.take(text)?
            }
            taken => taken?,
        };
        let checkpoint = verifier.checkpoint().unwrap_or(end.checkpoint);
        records.push((entry, text, checkpoint));
    }
    verifier.finish(None)?;
    let mut uses = Vec::new();
    for (entry, text, checkpoint) in records {
        let record = Record { head: entry.head(text), text: text.clone() };
        tx.add_record(gateway, &record, checkpoint).await?;
        if let Body::Event(event) = &entry.body {
            // It is in its user's hands, who can write whatever that user did, and nothing that others did.
            if let (Some(owner), Some(user)) = (owner, &event.user)
                && owner != user
            {
                return Err(IngestError::Foreign(user.clone()));
            }
            tx.put_event(event).await?;
            uses.extend(event.token_id.clone().map(|token_id| (token_id, event.time)));
        }
    }
    for remark in verifier.remarks() {
        if let Remark::BeganAnew { after, epoch } = remark {
            let Head { epoch: old, seq, hash } = after;
            notes
                .push(format!("its audit log began anew in epoch {epoch}, after record {seq} ({hash}) of epoch {old}"));
        }
    }
    let head = if fresh.is_empty() { end.head } else { verifier.head() };
    let end = ChainEnd { head, checkpoint: verifier.checkpoint().unwrap_or(end.checkpoint) };
    Ok(Taken { end, fresh: fresh.len() as u64, uses, notes })
}

fn reader(gateway: &Name, trust: &Trust, end: ChainEnd) -> Verifier {
    let start = Start::After { head: end.head, checkpoint: Some(end.checkpoint) };
    Verifier::new(gateway.clone(), trust.clone(), start)
}

/// How many of `texts`, from the first on, are stored already.
async fn known(tx: &mut Tx, gateway: &Name, end: Head, texts: &[String]) -> Result<usize, IngestError> {
    let mut known = 0;
    let let_go = tx.let_go(gateway).await?.unwrap_or(Head::NONE);
    for text in texts {
        // What cannot be read is for the verifier to say.
        let Ok(entry) = serde_json::from_str::<Entry>(text) else { break };
        let head = entry.head(text);
        if (head.epoch, head.seq) > (end.epoch, end.seq) || entry.gateway != *gateway {
            break;
        }
        // What was there and is too old by now, nobody can compare any more.
        let is_gone = (head.epoch, head.seq) <= (let_go.epoch, let_go.seq);
        if !is_gone && tx.record_hash(gateway, head).await? != Some(head.hash) {
            return Err(IngestError::Conflict(head));
        }
        known += 1;
    }
    Ok(known)
}

async fn note(mut change: Change, gateway: &Name, notes: &[String]) -> Result<(), StoreError> {
    let method = format!("POST /api/v1/gateways/{gateway}/audit");
    let actor = Actor { user: None, token_id: None, method, peer: None };
    for note in notes {
        change.record(&actor, &format!("gateway/{gateway}"), note).await?;
    }
    change.commit().await.map(drop)
}

/// Where every chain ends, signed.
pub(crate) async fn heads(store: &Store, keys: &Keys) -> Result<SignedText, IngestError> {
    let mut tx = store.read().await?;
    let mut chains = Vec::new();
    for gateway in tx.chains().await? {
        let (head, keys) = (tx.chain_end(&gateway).await?.head, tx.audit_keys(&gateway).await?);
        let let_go = tx.let_go(&gateway).await?;
        chains.push(ChainHead { gateway, keys, head, let_go });
    }
    let heads = Heads { time: Timestamp::now(), key: keys.verifying_key(), chains };
    Ok(SignedText::new(&heads, keys.signing())?)
}
