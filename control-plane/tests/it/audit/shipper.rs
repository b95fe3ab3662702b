//! A gateway that writes a log and ships it, and what is then read of it: events, heads, whole chains.

use crate::{stream::Gateway, world::World};
use control_plane_api::{
    audit::{
        AuditEvent,
        chain::{Chain, Hash, Head, Record},
        receipt::{Heads, Receipt, SignedText},
        verify::{Broken, Start, Trust, Verifier},
    },
    name::Name,
    timestamp::Timestamp,
};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

/// An event, `minute` minutes after nine.
pub(crate) fn event(id: &str, minute: u64, phase: &str, outcome: &str) -> Value {
    json!({
        "id": id, "gateway": "laptop", "seq": 0, "time": format!("2026-07-28T09:{minute:02}:00.000Z"), "phase": phase,
        "action": "mcp_call", "method": "tools/call", "user": "ann", "project": "w", "target": "slack_get_messages",
        "server": "slack", "decision": "allow", "outcome": outcome, "revision": 1, "duration_ms": 0, "request_bytes": 0,
        "reply_bytes": 0,
    })
}

/// The audit log of gateway `laptop`.
pub(crate) struct Log {
    pub(crate) chain: Chain,
    pub(crate) key: SigningKey,
}

impl Log {
    pub(crate) fn new(epoch: u64) -> Self {
        let chain = Chain::new("laptop".parse().unwrap(), epoch, Head::NONE, Hash::NONE);
        Self { chain, key: SigningKey::from_bytes(&[5; 32]) }
    }

    pub(crate) fn event(&mut self, event: &Value) -> Record {
        let mut event: AuditEvent = serde_json::from_value(event.clone()).unwrap();
        self.chain.event(&mut event).unwrap()
    }

    pub(crate) fn events(&mut self, events: &[Value]) -> Vec<String> {
        events.iter().map(|one| self.event(one).text).collect()
    }

    pub(crate) fn checkpoint(&mut self) -> Record {
        self.checkpoint_at(Timestamp::now())
    }

    pub(crate) fn checkpoint_at(&mut self, time: Timestamp) -> Record {
        self.chain.checkpoint(&self.key, time).unwrap()
    }

    pub(crate) fn batch(&self, records: &[String]) -> Value {
        json!({"key": hex::encode(self.key.verifying_key()), "records": records})
    }
}

pub(crate) async fn post(world: &World, gateway: &Gateway, batch: Value) -> crate::world::Answer {
    world.call("POST", "/api/v1/gateways/laptop/audit", Some(&gateway.token), Some(batch)).await
}

/// Ships records; the receipt, its signature checked.
pub(crate) async fn ship(world: &World, gateway: &Gateway, log: &Log, records: &[String]) -> Head {
    let answer = post(world, gateway, log.batch(records)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let receipt: Receipt =
        serde_json::from_str::<SignedText>(&answer.text).unwrap().open(&gateway.verifying_key()).unwrap();
    assert_eq!(receipt.gateway.as_str(), "laptop");
    receipt.head
}

pub(crate) async fn refused(world: &World, gateway: &Gateway, log: &Log, records: &[String], status: u16) -> String {
    let answer = post(world, gateway, log.batch(records)).await;
    assert_eq!(answer.status, status, "{}", answer.text);
    answer.text
}

pub(crate) async fn ids(world: &World, query: &str) -> Vec<String> {
    let page = world.done("GET", &format!("/api/v1/audit?{query}"), None).await;
    page["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

/// Where the chains end, by the word of the control plane.
pub(crate) async fn heads(world: &World, gateway: &Gateway) -> Heads {
    let signed = world.done("GET", "/api/v1/audit/heads", None).await;
    serde_json::from_value::<SignedText>(signed).unwrap().open(&gateway.verifying_key()).unwrap()
}

/// Reads a whole chain as `mcpctl audit verify` does.
pub(crate) async fn verify(world: &World, heads: &Heads, name: &str) -> Result<Verifier, Broken> {
    let gateway: Name = name.parse().unwrap();
    let chain = heads.chains.iter().find(|chain| chain.gateway == gateway).unwrap();
    let keys = chain.keys.iter().map(|key| control_plane_api::audit::chain::verifying_key(key).unwrap()).collect();
    let mut verifier = Verifier::new(gateway, Trust::Keys(keys), Start::Beginning).without(chain.let_go);
    loop {
        let Head { epoch, seq, .. } = verifier.head();
        let path = format!("/api/v1/audit/records?gateway={name}&epoch={epoch}&seq={seq}&limit=3");
        let page = world.done("GET", &path, None).await;
        let texts: Vec<String> = serde_json::from_value(page["records"].clone()).unwrap();
        for text in &texts {
            verifier.take(text)?;
        }
        if texts.len() < 3 {
            break;
        }
    }
    verifier.finish(Some(&chain.head))?;
    Ok(verifier)
}
