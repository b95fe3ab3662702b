//! Downloading one file: resumed where an earlier attempt stopped, hashed on the way, refused when the digest is wrong.

use super::wrong_digest;
use crate::{
    client::http,
    failure::{During as _, Failure},
    output::Output,
};
use futures::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{StatusCode, header};
use sha2::{Digest as _, Sha256};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::Path,
    time::Duration,
};
use url::Url;

/// Time without a single byte after which a download is given up.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for a page of an index.
const PAGE_TIMEOUT: Duration = Duration::from_secs(20);
/// Largest page of an index, in bytes.
const PAGE_BYTES_MAX: usize = 4 << 20;
/// Where nobody watches, a line is printed at every such share of the whole.
const LINES: u64 = 4;

/// How progress is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress(pub Output);

/// A file to download.
pub(crate) struct Download<'a> {
    /// From where.
    pub url: Url,
    /// What it is called in messages.
    pub label: &'a str,
    /// Its size.
    pub bytes: u64,
    /// Hex SHA-256 of it.
    pub sha256: &'static str,
    /// Where it grows; whole and checked when [`Self::run`] returns.
    pub part: &'a Path,
}

/// Fetches a small page.
pub(crate) async fn page(url: &Url, accept: &str) -> Result<Vec<u8>, Failure> {
    let client = http::client(url, Some(PAGE_TIMEOUT))?;
    let response =
        client.get(url.clone()).header(header::ACCEPT, accept).send().await.map_err(|e| unreachable(url, &e))?;
    let response = accepted(response)?;
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        body.extend_from_slice(&chunk.map_err(|error| unreachable(url, &error))?);
        if body.len() > PAGE_BYTES_MAX {
            return Err(Failure::failed(format!("the page `{url}` is larger than {PAGE_BYTES_MAX} bytes")));
        }
    }
    Ok(body)
}

impl Download<'_> {
    /// Downloads the file to `part`.
    pub(crate) async fn run(&self, progress: Progress) -> Result<(), Failure> {
        let doing = || format!("cannot write `{}`", self.part.display());
        let mut hasher = Sha256::new();
        let have = self.resume(&mut hasher).during(doing)?;
        if have < self.bytes {
            self.transfer(have, &mut hasher, progress).await?;
        }
        let found = hex::encode(hasher.finalize());
        if found != self.sha256 {
            super::discard(self.part)?;
            return Err(wrong_digest(self.label, self.sha256, &found));
        }
        Ok(())
    }

    /// Hashes what an earlier attempt left. Its length.
    fn resume(&self, hasher: &mut Sha256) -> io::Result<u64> {
        let Ok(file) = File::open(self.part) else { return Ok(0) };
        if file.metadata()?.len() > self.bytes {
            return Ok(0);
        }
        let mut have = 0;
        let mut chunk = vec![0; 1 << 20];
        let mut file = file.take(self.bytes);
        loop {
            let read = file.read(&mut chunk)?;
            let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { return Ok(have) };
            hasher.update(bytes);
            have += bytes.len() as u64;
        }
    }

    async fn transfer(&self, have: u64, hasher: &mut Sha256, progress: Progress) -> Result<(), Failure> {
        let doing = || format!("cannot write `{}`", self.part.display());
        let mut request = http::client(&self.url, None)?.get(self.url.clone());
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        let response = within(request.send(), &self.url).await?;
        let response = accepted(response)?;
        let resumed = response.status() == StatusCode::PARTIAL_CONTENT && have > 0;
        if !resumed {
            *hasher = Sha256::new();
        }
        let mut file = OpenOptions::new()
            .create(true)
            .append(resumed)
            .write(true)
            .truncate(!resumed)
            .open(self.part)
            .during(doing)?;
        let mut done = if resumed { have } else { 0 };
        let mut shown = Shown::new(progress.0, self.label, self.bytes, done);
        let mut stream = response.bytes_stream();
        while let Some(chunk) = within(async { Ok(stream.next().await) }, &self.url).await? {
            let chunk = chunk.map_err(|error| unreachable(&self.url, &error))?;
            done += chunk.len() as u64;
            if done > self.bytes {
                super::discard(self.part)?;
                return Err(Failure::failed(format!(
                    "`{}` is larger than the {} bytes it should have",
                    self.label, self.bytes
                )));
            }
            hasher.update(&chunk);
            file.write_all(&chunk).during(doing)?;
            shown.at(done);
        }
        file.sync_all().during(doing)?;
        shown.finish();
        if done < self.bytes {
            return Err(Failure::failed(format!("`{}` ended after {done} of {} bytes", self.label, self.bytes))
                .hint("run the command again: it goes on where it stopped"));
        }
        Ok(())
    }
}

/// `future`, or a failure when nothing comes for too long.
async fn within<T>(future: impl Future<Output = Result<T, reqwest::Error>>, url: &Url) -> Result<T, Failure> {
    match tokio::time::timeout(IDLE_TIMEOUT, future).await {
        Ok(result) => result.map_err(|error| unreachable(url, &error)),
        Err(_) => Err(Failure::unhealthy(format!("`{}` sends nothing any more", host(url)))),
    }
}

fn accepted(response: reqwest::Response) -> Result<reqwest::Response, Failure> {
    if response.status().is_success() {
        return Ok(response);
    }
    Err(Failure::failed(format!("`{}` answered {}", host(response.url()), response.status())))
}

fn unreachable(url: &Url, error: &reqwest::Error) -> Failure {
    Failure::unhealthy(format!("cannot reach `{}`: {}", host(url), http::reason(error)))
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

/// Progress as it is shown: a bar for who watches, a few lines for a log, nothing with `--quiet`.
enum Shown {
    Bar(ProgressBar),
    Lines { output: Output, label: String, bytes: u64, next: u64 },
}

impl Shown {
    fn new(output: Output, label: &str, bytes: u64, done: u64) -> Self {
        if !output.shows_progress() {
            return Self::Lines { output, label: label.to_owned(), bytes, next: done + bytes / LINES };
        }
        let bar = ProgressBar::new(bytes).with_message(label.to_owned()).with_position(done);
        let template = "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self::Bar(bar)
    }

    fn at(&mut self, done: u64) {
        match self {
            Self::Bar(bar) => bar.set_position(done),
            Self::Lines { output, label, bytes, next } if done >= *next => {
                *next = done + *bytes / LINES;
                if *bytes > 1 << 20 {
                    output.note(format!("{label}: {} of {} MiB", done >> 20, *bytes >> 20));
                }
            }
            Self::Lines { .. } => {}
        }
    }

    fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
