//! A gateway as the control plane sees one: enrolled, listening to its configuration, checking signatures.

use crate::world::World;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use control_plane_api::snapshot::{ConfigEvent, SignedEvent, Snapshot};
use crypto_box::SecretKey;
use ed25519_dalek::{Signature, VerifyingKey};
use rand::rngs::OsRng;
use reqwest::Response;
use serde_json::{Value, json};

pub(crate) struct Gateway {
    pub(crate) name: String,
    pub(crate) token: String,
    verifying_key: VerifyingKey,
    key: SecretKey,
}

impl Gateway {
    pub(crate) async fn enrol(world: &World, name: &str) -> Self {
        Self::enrol_with(world, name, &join_token(world, name).await).await
    }

    /// With a join token that somebody has.
    pub(crate) async fn enrol_with(world: &World, name: &str, join: &str) -> Self {
        let key = SecretKey::generate(&mut OsRng);
        let path = format!("/api/v1/gateways/{name}/enrol");
        let answer = world.call("POST", &path, Some(join), Some(enrolment(&key))).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let reply = answer.json();
        let mut bytes = [0; 32];
        hex::decode_to_slice(reply["verifying_key"].as_str().unwrap(), &mut bytes).unwrap();
        Self {
            name: name.to_owned(),
            token: reply["token"].as_str().unwrap().to_owned(),
            verifying_key: VerifyingKey::from_bytes(&bytes).unwrap(),
            key,
        }
    }

    /// What verifies the control plane's signatures.
    pub(crate) fn verifying_key(&self) -> VerifyingKey {
        self.verifying_key
    }

    /// Opens the configuration stream.
    pub(crate) async fn connect(&self, world: &World) -> Stream<'_> {
        self.connect_with(world, &[]).await
    }

    /// Opens it again with the revision it has.
    pub(crate) async fn come_back(&self, world: &World, revision: u64) -> Stream<'_> {
        self.connect_with(world, &[("last-event-id", &revision.to_string())]).await
    }

    async fn connect_with(&self, world: &World, headers: &[(&str, &str)]) -> Stream<'_> {
        let bearer = format!("Bearer {}", self.token);
        let path = format!("/api/v1/gateways/{}/config", self.name);
        let headers = [&[("authorization", bearer.as_str())], headers].concat();
        let response = world.send("GET", &path, &headers, None).await;
        assert_eq!(response.status(), 200);
        Stream { gateway: self, response, received: String::new(), text: String::new() }
    }

    /// The same; none if it is not opened.
    pub(crate) async fn try_connect(&self, world: &World) -> Option<Stream<'_>> {
        let response = world.try_stream(&format!("/api/v1/gateways/{}/config", self.name), &self.token).await?;
        Some(Stream { gateway: self, response, received: String::new(), text: String::new() })
    }

    /// The secret that was sealed to this gateway.
    pub(crate) fn open(&self, snapshot: &Snapshot, secret: &str) -> String {
        let (_, spec) = snapshot.secrets().find(|(name, _)| name.as_str() == secret).expect("the secret is there");
        self.unseal(&spec.sealed)
    }

    /// The value that was sealed to this gateway.
    pub(crate) fn unseal(&self, sealed: &str) -> String {
        let value = self.key.unseal(&STANDARD.decode(sealed).unwrap()).unwrap();
        String::from_utf8(value).unwrap()
    }
}

pub(crate) async fn join_token(world: &World, name: &str) -> String {
    let join = world.done("POST", "/api/v1/join-tokens", Some(json!({"gateway": name}))).await;
    join["token"].as_str().unwrap().to_owned()
}

pub(crate) fn enrolment(key: &SecretKey) -> Value {
    json!({"sealing_key": hex::encode(key.public_key().as_bytes()), "role": "local", "version": "0.0.0"})
}

pub(crate) struct Stream<'a> {
    gateway: &'a Gateway,
    response: Response,
    received: String,
    /// Everything received since the connection was opened.
    pub(crate) text: String,
}

impl Stream<'_> {
    /// The next event, its signature checked; `None` when the stream ends.
    pub(crate) async fn next(&mut self) -> Option<ConfigEvent> {
        loop {
            if let Some((event, rest)) = self.received.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.received = rest;
                if let Some(event) = self.read(&event) {
                    return Some(event);
                }
                continue;
            }
            let chunk = self.response.chunk().await.ok()??;
            self.received.push_str(std::str::from_utf8(&chunk).unwrap());
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    fn read(&self, event: &str) -> Option<ConfigEvent> {
        let json = event.lines().find_map(|line| line.strip_prefix("data: "))?;
        assert!(event.lines().any(|line| line == "event: config"), "{event}");
        let signed: SignedEvent = serde_json::from_str(json).unwrap();
        let signature = Signature::from_slice(&hex::decode(&signed.signature).unwrap()).unwrap();
        self.gateway
            .verifying_key
            .verify_strict(
                SignedEvent::signed_text(&self.gateway.name.parse().unwrap(), &signed.payload).as_bytes(),
                &signature,
            )
            .expect("the signature verifies");
        Some(serde_json::from_str(&signed.payload).unwrap())
    }

    /// The first event.
    pub(crate) async fn snapshot(&mut self) -> Snapshot {
        match self.next().await {
            Some(ConfigEvent::Snapshot(snapshot)) => snapshot,
            other => panic!("not a snapshot: {other:?}"),
        }
    }

    /// Applies events until `snapshot` is at `revision`.
    pub(crate) async fn follow(&mut self, snapshot: &mut Snapshot, revision: u64) {
        while snapshot.revision < revision {
            match self.next().await {
                Some(ConfigEvent::ChangeSet(change)) => snapshot.apply(change).unwrap(),
                other => panic!("not a change set: {other:?}"),
            }
        }
    }
}
