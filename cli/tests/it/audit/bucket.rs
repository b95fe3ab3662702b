//! An S3-compatible bucket that computes every signature itself (AWS Signature Version 4, query parameters) and answers 403
//! where it is another.

use crate::stub::{Reply, Seen, Stub};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

pub(crate) const ID: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

pub(crate) struct Bucket {
    pub(crate) url: String,
    objects: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Bucket {
    pub(crate) fn start() -> Self {
        let objects: Arc<Mutex<BTreeMap<String, String>>> = Arc::default();
        let own = Arc::clone(&objects);
        let stub = Stub::start(move |seen, _| answer(seen, &own));
        Self { url: stub.url, objects }
    }

    /// Writes what lies under `prefix` into `dir`.
    pub(crate) fn unpack(&self, prefix: &str, dir: &Path) {
        for (key, body) in self.objects.lock().unwrap().iter() {
            let path = dir.join(key.strip_prefix(prefix).unwrap());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, body).unwrap();
        }
    }
}

fn answer(seen: &Seen, objects: &Mutex<BTreeMap<String, String>>) -> Reply {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    if !signed(seen, path, query) {
        return Reply::new(403, "application/xml", "<Error><Code>SignatureDoesNotMatch</Code></Error>");
    }
    let Some(key) = path.strip_prefix("/compliance/").map(|key| key.replace("%20", " ")) else {
        return Reply::status(404);
    };
    match seen.method.as_str() {
        "PUT" => {
            objects.lock().unwrap().insert(key, seen.body.clone());
            Reply::status(200)
        }
        _ => match objects.lock().unwrap().get(&key) {
            Some(body) => Reply::new(200, "application/octet-stream", body),
            None => Reply::new(404, "application/xml", "<Error><Code>NoSuchKey</Code></Error>"),
        },
    }
}

fn signed(seen: &Seen, path: &str, query: &str) -> bool {
    let pairs: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let (Some(date), Some(given)) = (pairs.get("X-Amz-Date"), pairs.get("X-Amz-Signature")) else {
        return false;
    };
    let day = &date[..8];
    let scope = format!("{day}/eu-west-1/s3/aws4_request");
    let credential = format!("{ID}/{scope}").replace('/', "%2F");
    let rest: Vec<String> = pairs
        .iter()
        .filter(|(name, _)| **name != "X-Amz-Signature")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let canonical =
        format!("{}\n{path}\n{}\nhost:{}\n\nhost\nUNSIGNED-PAYLOAD", seen.method, rest.join("&"), seen.header("host"));
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
    let mut key = hmac(format!("AWS4{SECRET}").as_bytes(), day.as_bytes());
    for part in ["eu-west-1", "s3", "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    pairs.get("X-Amz-Credential") == Some(&credential.as_str()) && hex::encode(hmac(&key, text.as_bytes())) == **given
}

/// RFC 2104, for keys of at most one block.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |with: u8| (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect::<Vec<u8>>();
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}
