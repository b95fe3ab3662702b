//! A control plane that has two chains, and answers about them as mcpd does.

use crate::stub::{Reply, Seen, Stub};
use control_plane_api::{
    audit::{
        AuditEvent,
        chain::{Chain, Entry, Hash, Head},
        receipt::{ChainHead, Heads, SignedText},
    },
    timestamp::Timestamp,
};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A checkpoint after this many events.
const PACE: usize = 20;

#[derive(Clone)]
pub(crate) struct Plane {
    own: SigningKey,
    gateway: SigningKey,
    chains: BTreeMap<&'static str, (Chain, Vec<String>)>,
    heads: BTreeMap<&'static str, Head>,
    events: Vec<Value>,
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(crate) fn event(target: &str) -> Value {
    json!({
        "id": hex::encode(target), "gateway": "laptop", "seq": 0, "time": "1970-01-01T00:00:00.000Z", "phase": "outcome",
        "action": "mcp_call", "method": "tools/call", "target": target, "decision": "allow", "outcome": "ok", "revision": 1,
    })
}

impl Plane {
    pub(crate) fn new(events: usize) -> Self {
        Self::with_keys(events, 1, 2)
    }

    pub(crate) fn with_keys(events: usize, own: u8, gateway: u8) -> Self {
        let chain = |name: &str, epoch| (Chain::new(name.parse().unwrap(), epoch, Head::NONE, Hash::NONE), Vec::new());
        let chains = BTreeMap::from([("laptop", chain("laptop", 1_000)), ("mcpd", chain("mcpd", 1))]);
        let mut plane =
            Self { own: key(own), gateway: key(gateway), chains, heads: BTreeMap::new(), events: Vec::new() };
        if events > 0 {
            plane.add(events);
            plane.write("mcpd", &event("project/w"));
            plane.sign("mcpd");
        }
        plane
    }

    /// Adds events to the gateway's chain, and checkpoints.
    pub(crate) fn add(&mut self, events: usize) {
        for number in 0..events {
            self.write("laptop", &event("slack_get_messages"));
            if number % PACE == PACE - 1 {
                self.sign("laptop");
            }
        }
        self.sign("laptop");
    }

    /// Adds an event that is listed.
    pub(crate) fn put(&mut self, event: &Value) {
        self.events.push(event.clone());
    }

    fn write(&mut self, name: &'static str, event: &Value) {
        let (chain, texts) = self.chains.get_mut(name).unwrap();
        let mut event: AuditEvent = serde_json::from_value(event.clone()).unwrap();
        texts.push(chain.event(&mut event).unwrap().text);
        self.heads.insert(name, chain.head());
    }

    fn sign(&mut self, name: &'static str) {
        let (chain, texts) = self.chains.get_mut(name).unwrap();
        let key = if name == "mcpd" { &self.own } else { &self.gateway };
        texts.push(chain.checkpoint(key, Timestamp::from_millis(0)).unwrap().text);
        self.heads.insert(name, chain.head());
    }

    /// As if what is there now were all there ever was.
    pub(crate) fn rewind(&mut self) {
        for (name, (_, texts)) in &self.chains {
            let text = texts.last().unwrap();
            self.heads.insert(*name, serde_json::from_str::<Entry>(text).unwrap().head(text));
        }
    }

    pub(crate) fn texts(&self, name: &str) -> &[String] {
        &self.chains[name].1
    }

    pub(crate) fn texts_mut(&mut self, name: &str) -> &mut Vec<String> {
        &mut self.chains.get_mut(name).unwrap().1
    }

    pub(crate) fn count(&self, name: &str) -> u64 {
        self.texts(name).len() as u64
    }

    /// What verifies the control plane's signatures.
    pub(crate) fn key(&self) -> String {
        hex::encode(self.own.verifying_key())
    }

    pub(crate) fn heads(&self) -> SignedText {
        let chain = |(name, head): (&&'static str, &Head)| {
            let key = if *name == "mcpd" { &self.own } else { &self.gateway };
            let keys = vec![hex::encode(key.verifying_key())];
            ChainHead { gateway: name.parse().unwrap(), keys, head: *head, let_go: None }
        };
        let chains = self.heads.iter().map(chain).collect();
        SignedText::new(&Heads { time: Timestamp::from_millis(0), key: self.key(), chains }, &self.own).unwrap()
    }

    pub(crate) fn stub(&self) -> Stub {
        let plane = self.clone();
        Stub::start(move |seen, _| plane.answer(seen))
    }

    /// One that has one event more from the second look on.
    pub(crate) fn growing(&self, target: &str) -> Stub {
        let (plane, mut grown) = (self.clone(), self.clone());
        grown.put(&event(target));
        Stub::start(move |seen, stub| if stub.seen().len() > 1 { grown.answer(seen) } else { plane.answer(seen) })
    }

    fn answer(&self, seen: &Seen) -> Reply {
        let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
        match path {
            "/api/v1/audit/heads" => Reply::json(&serde_json::to_string(&self.heads()).unwrap()),
            "/api/v1/audit/records" => {
                let asked: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
                let number = |name: &str| asked[name].parse::<u64>().unwrap();
                let position = |text: &String| {
                    serde_json::from_str::<Entry>(text).map_or((0, 0), |entry| (entry.epoch, entry.seq))
                };
                let after = (number("epoch"), number("seq"));
                let records: Vec<&String> = self.chains[asked["gateway"]]
                    .1
                    .iter()
                    .filter(|text| position(text) > after)
                    .take(usize::try_from(number("limit")).unwrap())
                    .collect();
                Reply::json(&json!({"records": records}).to_string())
            }
            "/api/v1/audit" => {
                let newest: Vec<&Value> = self.events.iter().rev().collect();
                // In the order of the table: newest first.
                Reply::json(&json!({"events": newest}).to_string())
            }
            _ => Reply::status(404),
        }
    }
}
