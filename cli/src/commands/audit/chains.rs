//! The chains of the control plane: where they end by its signed word, and a reading of each.

use crate::{client::Client, failure::Failure};
use control_plane_api::audit::{
    chain::{Head, verifying_key},
    receipt::{ChainHead, Heads, SignedError, SignedText},
    verify::{Broken, Remark, Start, Trust, Verifier},
};
use ed25519_dalek::VerifyingKey;

/// Records asked for at once.
pub(super) const PAGE_RECORDS: u32 = 500;

/// The heads that `signed` says; against `key`, or else against the key that it names itself.
pub(super) fn open(signed: &SignedText, key: Option<&str>) -> Result<Heads, Failure> {
    let unusable =
        |error: SignedError| Failure::failed(format!("the heads of the chains are not to be believed: {error}"));
    let named = signed.unverified::<Heads>().map_err(unusable)?.key;
    let key = key.unwrap_or(&named);
    signed.open::<Heads>(&read_key(key)?).map_err(unusable)
}

/// A key as it is typed.
fn read_key(text: &str) -> Result<VerifyingKey, Failure> {
    verifying_key(text).ok_or_else(|| {
        Failure::usage(format!("`{text}` is not an Ed25519 public key"))
            .hint("use the 64 hex digits that `mcpctl audit verify` shows as `key`")
    })
}

/// A reading of `chain` from its beginning.
pub(super) fn reader(chain: &ChainHead) -> Verifier {
    let keys = chain.keys.iter().filter_map(|key| verifying_key(key)).collect();
    Verifier::new(chain.gateway.clone(), Trust::Keys(keys), Start::Beginning).without(chain.let_go)
}

/// The records of `chain` behind `after`, at most a page, none of them behind its head.
pub(super) async fn page(client: &Client, chain: &ChainHead, after: Head) -> Result<Vec<String>, Failure> {
    if (after.epoch, after.seq) >= (chain.head.epoch, chain.head.seq) {
        return Ok(Vec::new());
    }
    client.audit_records(&chain.gateway, (after.epoch, after.seq), PAGE_RECORDS).await
}

/// What one reading found.
pub(super) struct Found {
    pub(super) chain: ChainHead,
    pub(super) records: u64,
    pub(super) checkpoints: u64,
    pub(super) remarks: Vec<String>,
    /// The first record that is wrong.
    pub(super) broken: Option<Broken>,
}

impl Found {
    /// What `verifier` found, which ended with `read`.
    pub(super) fn of(chain: &ChainHead, verifier: &Verifier, read: Result<(), Broken>) -> Self {
        let (records, checkpoints) = verifier.count();
        let remarks = verifier.remarks().iter().map(told).collect();
        let broken = read.and_then(|()| verifier.finish(Some(&chain.head))).err();
        Self { chain: chain.clone(), records, checkpoints, remarks, broken }
    }
}

fn told(remark: &Remark) -> String {
    match remark {
        Remark::BeganAnew { after, epoch } => format!(
            "the log began anew in epoch {epoch}, after record {} of epoch {}: its files were lost, or moved away",
            after.seq, after.epoch
        ),
        Remark::LetGo { after, upto } => format!(
            "records {} to {} (epoch {}) were removed for their age",
            if after.epoch == upto.epoch { after.seq + 1 } else { 1 },
            upto.seq,
            upto.epoch
        ),
        Remark::ClockBack { seq, by_ms } => {
            format!("the clock had gone back by {} s at record {seq}", by_ms / 1_000)
        }
    }
}
