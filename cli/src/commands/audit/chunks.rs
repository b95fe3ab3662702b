//! The form of an export: chunks of records as they were written, one a line, and a manifest that has the signed heads.
//!
//! The same in a directory and in a bucket. A chunk never changes once it is there; the manifest comes last, so that what it
//! lists is there. It needs no signature of its own: heads are signed, and a chain leads from the first record to its head.

use super::chains;
use crate::{client::Client, failure::Failure};
use control_plane_api::{
    audit::{
        chain::{Entry, Head},
        receipt::{ChainHead, Heads, SignedText},
    },
    name::Name,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The name of the manifest.
pub(super) const MANIFEST: &str = "manifest.json";
/// The form that this program writes and reads.
const FORMAT: &str = "mcpctl audit export v1";
/// Records in one chunk, and bytes after which it takes no more.
const CHUNK_RECORDS_MAX: u64 = 10_000;
const CHUNK_BYTES_MAX: usize = 16 << 20;

/// What an export consists of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: String,
    /// Where every chain ends, signed by the control plane.
    pub(super) heads: SignedText,
    /// In the order of each chain.
    pub(super) chunks: Vec<Chunk>,
}

/// One file of records.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Chunk {
    /// Its name, below the manifest's folder.
    pub(super) file: String,
    pub(super) gateway: Name,
    records: u64,
    bytes: u64,
    sha256: String,
    /// Its last record.
    last: Head,
}

/// Where chunks and manifest go.
pub(super) trait Place {
    /// What is called `name`; none if nothing is.
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Failure>;
    /// Puts `bytes` under `name`, durably.
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), Failure>;
}

/// Reads a manifest.
pub(super) fn read_manifest(bytes: &[u8]) -> Result<Manifest, Failure> {
    let manifest: Manifest = serde_json::from_slice(bytes)
        .map_err(|error| Failure::failed(format!("`{MANIFEST}` cannot be read: {error}")))?;
    if manifest.format != FORMAT {
        return Err(Failure::failed(format!("`{MANIFEST}` is of another form: `{}`", manifest.format)));
    }
    Ok(manifest)
}

/// Exports to `place` what it does not have yet; how many records that were.
pub(super) async fn export(client: &Client, place: &impl Place) -> Result<u64, Failure> {
    let signed = client.audit_heads().await?;
    let heads = chains::open(&signed, None)?;
    let mut manifest = match place.get(MANIFEST).await? {
        Some(bytes) => read_manifest(&bytes)?,
        None => Manifest { format: FORMAT.to_owned(), heads: signed.clone(), chunks: Vec::new() },
    };
    let done = continued(&manifest, &heads)?;
    let mut count = 0;
    for chain in &heads.chains {
        let mut after = done.get(&chain.gateway).copied().unwrap_or(Head::NONE);
        while let Some((chunk, bytes)) = next(client, chain, after).await? {
            after = chunk.last;
            count += chunk.records;
            place.put(&chunk.file, bytes).await?;
            manifest.chunks.push(chunk);
        }
    }
    manifest.heads = signed;
    let bytes = serde_json::to_vec_pretty(&manifest).map_err(|error| Failure::failed(error.to_string()))?;
    place.put(MANIFEST, bytes).await?;
    Ok(count)
}

/// How far `manifest` has every chain. What it has must still be what the control plane has.
fn continued(manifest: &Manifest, heads: &Heads) -> Result<BTreeMap<Name, Head>, Failure> {
    let before = chains::open(&manifest.heads, Some(&heads.key))?;
    let done: BTreeMap<Name, Head> = manifest.chunks.iter().map(|chunk| (chunk.gateway.clone(), chunk.last)).collect();
    for (gateway, last) in before.chains.iter().map(|chain| (&chain.gateway, chain.head)) {
        let now = heads.chains.iter().find(|chain| chain.gateway == *gateway).map(|chain| chain.head);
        if now.is_none_or(|now| (now.epoch, now.seq) < (last.epoch, last.seq)) {
            let message = format!(
                "the control plane has lost records: of `{gateway}` it had record {} of epoch {} when this export was made",
                last.seq, last.epoch
            );
            return Err(
                Failure::failed(message).hint("was its database restored from a backup? keep this export as it is")
            );
        }
    }
    Ok(done)
}

/// The next chunk of `chain` behind `after`; none at its end.
async fn next(client: &Client, chain: &ChainHead, after: Head) -> Result<Option<(Chunk, Vec<u8>)>, Failure> {
    let (mut bytes, mut records, mut last) = (Vec::new(), 0, after);
    'chunk: while records < CHUNK_RECORDS_MAX && bytes.len() < CHUNK_BYTES_MAX {
        let texts = chains::page(client, chain, last).await?;
        if texts.is_empty() {
            break;
        }
        for text in texts {
            let entry: Entry = serde_json::from_str(&text).map_err(|error| {
                Failure::failed(format!("a record of `{}` after {} cannot be read: {error}", chain.gateway, last.seq))
                    .hint("`mcpctl audit verify` says more")
            })?;
            let head = entry.head(&text);
            if (head.epoch, head.seq) > (chain.head.epoch, chain.head.seq) {
                break 'chunk;
            }
            last = head;
            records += 1;
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(b'\n');
        }
    }
    if records == 0 {
        return Ok(None);
    }
    let file = format!("{}/{:013}-{:012}.jsonl", chain.gateway, last.epoch, last.seq);
    let sha256 = hex::encode(Sha256::digest(&bytes));
    let gateway = chain.gateway.clone();
    Ok(Some((Chunk { file, gateway, records, bytes: bytes.len() as u64, sha256, last }, bytes)))
}
