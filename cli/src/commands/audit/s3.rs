//! An export in an S3-compatible bucket. Requests are signed by `rusty-s3` (AWS Signature Version 4, in the query).

use super::chunks::Place;
use crate::{client::http, failure::Failure};
use reqwest::StatusCode;
use rusty_s3::{Bucket as Named, Credentials, S3Action as _, UrlStyle};
use std::{env, time::Duration};
use url::Url;

/// Time for one request: a chunk has 16 MiB at most.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a signed request is good for.
const SIGNED_FOR: Duration = Duration::from_secs(300);

/// A bucket, and the prefix of every name in it.
pub(super) struct Bucket {
    bucket: Named,
    prefix: String,
    credentials: Credentials,
    client: reqwest::Client,
}

impl Bucket {
    /// The bucket that `target` (`s3://bucket/prefix`) names at `endpoint`, with the credentials in the environment.
    pub(super) fn open(target: &str, endpoint: Url, region: String) -> Result<Self, Failure> {
        let usage = |what: &str| Failure::usage(what.to_owned()).hint("for example `s3://compliance/mcpctl`");
        let (name, prefix) = target
            .strip_prefix("s3://")
            .unwrap_or_default()
            .split_once('/')
            .unwrap_or_else(|| (target.strip_prefix("s3://").unwrap_or_default(), ""));
        let client = http::client(&endpoint, Some(REQUEST_TIMEOUT))?;
        let bucket = Named::new(endpoint, UrlStyle::Path, name.to_owned(), region)
            .map_err(|error| usage(&format!("`{target}` is no bucket: {error}")))?;
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let missing = || {
            Failure::usage("there are no credentials for S3").hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        };
        let id = variable("AWS_ACCESS_KEY_ID").ok_or_else(missing)?;
        let secret = variable("AWS_SECRET_ACCESS_KEY").ok_or_else(missing)?;
        let credentials = match variable("AWS_SESSION_TOKEN") {
            Some(token) => Credentials::new_with_token(id, secret, token),
            None => Credentials::new(id, secret),
        };
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self { bucket, prefix, credentials, client })
    }

    async fn send(&self, doing: &str, request: reqwest::RequestBuilder) -> Result<(StatusCode, Vec<u8>), Failure> {
        // The URL is signed: it is in no message.
        let failed = |error: reqwest::Error| Failure::failed(format!("cannot {doing}: {}", http::reason(&error)));
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let body = response.bytes().await.map_err(failed)?.to_vec();
        if status.is_success() || status == StatusCode::NOT_FOUND {
            return Ok((status, body));
        }
        let said: String = String::from_utf8_lossy(&body).chars().take(300).collect();
        Err(Failure::failed(format!("cannot {doing}: the service answered {status}")).details([said]).hint(
            "check the credentials, the region and the rights on the bucket (s3:GetObject, s3:PutObject, s3:ListBucket)",
        ))
    }
}

impl Place for Bucket {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let key = format!("{}{name}", self.prefix);
        let url = self.bucket.get_object(Some(&self.credentials), &key).sign(SIGNED_FOR);
        let (status, body) = self.send(&format!("read `{key}`"), self.client.get(url)).await?;
        Ok((status != StatusCode::NOT_FOUND).then_some(body))
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        let key = format!("{}{name}", self.prefix);
        let url = self.bucket.put_object(Some(&self.credentials), &key).sign(SIGNED_FOR);
        let doing = format!("write `{key}`");
        match self.send(&doing, self.client.put(url).body(bytes)).await?.0 {
            StatusCode::NOT_FOUND => Err(Failure::failed(format!("cannot {doing}: there is no such bucket"))),
            _ => Ok(()),
        }
    }
}
