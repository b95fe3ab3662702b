//! `mcpctl audit verify`: every record of every chain, read from the control plane or from an export.

use super::{
    chains::{self, Found},
    directory,
};
use crate::{
    Invocation,
    args::audit::Verify,
    client::Client,
    failure::Failure,
    output::{Report, Table},
};
use control_plane_api::{
    audit::{
        receipt::{ChainHead, Heads},
        verify::Broken,
    },
    timestamp::Timestamp,
};
use serde::Serialize;

/// Verifies, prints what was read, and fails if anything is wrong.
pub(super) async fn run(args: Verify, invocation: &Invocation) -> Result<(), Failure> {
    let key = args.key.as_deref();
    let (heads, found) = match &args.dir {
        Some(dir) => directory::verify(dir, key)?,
        None => {
            let client = invocation.client()?;
            let heads = chains::open(&client.audit_heads().await?, key)?;
            let mut found = Vec::new();
            for chain in &heads.chains {
                found.push(online(&client, chain).await?);
            }
            (heads, found)
        }
    };
    if key.is_none() {
        invocation.output.note(format!("believing the control plane's own word that its key is {}", heads.key));
    }
    for remark in found.iter().flat_map(|one| one.remarks.iter().map(move |remark| (one, remark))) {
        invocation.output.warn(format!("gateway `{}`: {}", remark.0.chain.gateway, remark.1));
    }
    let wrong: Vec<String> = found.iter().filter_map(|one| one.broken.as_ref()).map(ToString::to_string).collect();
    invocation.output.report(&Verified::new(&heads, &found))?;
    match wrong.first() {
        None => Ok(()),
        Some(first) => Err(Failure::failed(format!("the audit log was tampered with, or is damaged: {first}"))
            .details(wrong.iter().skip(1).cloned())
            .hint("keep a copy of it as it is; an earlier export, and the gateway's own `audit` directory, may hold the rest")),
    }
}

async fn online(client: &Client, chain: &ChainHead) -> Result<Found, Failure> {
    let mut verifier = chains::reader(chain);
    loop {
        let texts = chains::page(client, chain, verifier.head()).await?;
        let before = verifier.head();
        if let Err(broken) = texts.iter().try_for_each(|text| verifier.take(text).map(drop)) {
            return Ok(Found::of(chain, &verifier, Err(broken)));
        }
        // A page that brings nothing on is the last; what is missing then, the end of the reading says.
        if verifier.head() == before {
            return Ok(Found::of(chain, &verifier, Ok(())));
        }
    }
}

#[derive(Serialize)]
struct Verified {
    time: Timestamp,
    key: String,
    chains: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    gateway: String,
    records: u64,
    checkpoints: u64,
    epoch: u64,
    seq: u64,
    head: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_bad: Option<Bad>,
    remarks: Vec<String>,
}

#[derive(Serialize)]
struct Bad {
    epoch: u64,
    seq: u64,
    reason: String,
}

impl From<&Broken> for Bad {
    fn from(broken: &Broken) -> Self {
        Self { epoch: broken.epoch, seq: broken.seq, reason: broken.fault.to_string() }
    }
}

impl Verified {
    fn new(heads: &Heads, found: &[Found]) -> Self {
        let row = |one: &Found| Row {
            gateway: one.chain.gateway.to_string(),
            records: one.records,
            checkpoints: one.checkpoints,
            epoch: one.chain.head.epoch,
            seq: one.chain.head.seq,
            head: one.chain.head.hash.to_string(),
            state: if one.broken.is_some() { "fail" } else { "ok" },
            first_bad: one.broken.as_ref().map(Bad::from),
            remarks: one.remarks.clone(),
        };
        Self { time: heads.time, key: heads.key.clone(), chains: found.iter().map(row).collect() }
    }
}

impl Report for Verified {
    fn table(&self, wide: bool) -> Table {
        let headings = ["GATEWAY", "RECORDS", "CHECKPOINTS", "LAST", "STATE", "FIRST-BAD"].into_iter();
        let mut table = Table::new(headings.chain(wide.then_some(["EPOCH", "HEAD"]).into_iter().flatten()));
        for row in &self.chains {
            let bad = row.first_bad.as_ref().map_or("-".to_owned(), |bad| bad.seq.to_string());
            let cells = [
                row.gateway.clone(),
                row.records.to_string(),
                row.checkpoints.to_string(),
                row.seq.to_string(),
                row.state.to_owned(),
                bad,
            ];
            let more = || [row.epoch.to_string(), row.head.clone()];
            table.row(cells.into_iter().chain(wide.then(more).into_iter().flatten()));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.chains.iter().map(|row| row.gateway.clone()).collect()
    }
}
