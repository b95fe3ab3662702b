//! `GET /metrics` on a listener of its own. Whoever reaches it may ask; there is nothing to change and nothing secret. Pages of
//! other hosts are turned away as they are by the REST API.
//!
//! The database is asked at most once within [`FRESH_FOR`], however often and by however many this is scraped.

use super::{Fleet, Metrics, now::Now, process::Process};
use crate::{
    http::{Addressed, check_addressed},
    store::{Store, StoreError},
};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use control_plane_api::timestamp::Timestamp;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::Mutex, time::timeout};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How long what was read of the database is good enough; also that it could not be read.
const FRESH_FOR: Duration = Duration::from_secs(5);
/// Longest wait for the database, well within the timeout of whoever scrapes.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// Answers scrapes.
pub(crate) struct Scraper {
    metrics: Metrics,
    store: Store,
    started_at: Timestamp,
    fresh_for: Duration,
    /// When the database was last asked, and what it told. Held while it is: others wait for the same answer.
    asked: Mutex<Option<(Instant, Option<Arc<Fleet>>)>>,
}

impl Scraper {
    /// Of what `metrics` counted and `store` holds.
    pub(crate) fn new(metrics: Metrics, store: Store, started_at: Timestamp) -> Self {
        Self { metrics, store, started_at, fresh_for: FRESH_FOR, asked: Mutex::new(None) }
    }

    async fn text(&self) -> Result<String, std::fmt::Error> {
        let fleet = self.fleet().await;
        let (process, connections) = (Process::now(), self.store.connections());
        self.metrics.render(Now { started_at: Some(self.started_at), process, connections, fleet })
    }

    async fn fleet(&self) -> Option<Arc<Fleet>> {
        let mut asked = self.asked.lock().await;
        if let Some((at, told)) = asked.as_ref()
            && at.elapsed() < self.fresh_for
        {
            return told.clone();
        }
        let read = timeout(READ_TIMEOUT, Fleet::read(&self.store)).await;
        let told = match read.unwrap_or_else(|_| Err(StoreError::silent(READ_TIMEOUT))) {
            Ok(fleet) => Some(Arc::new(fleet)),
            Err(error) => {
                tracing::warn!(%error, "The database could not be read for the metrics");
                None
            }
        };
        *asked = Some((Instant::now(), told.clone()));
        told
    }
}

/// The only path there is.
pub(crate) fn router(scraper: Arc<Scraper>, addressed: Addressed) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .fallback(async || (StatusCode::NOT_FOUND, "try /metrics\n"))
        .method_not_allowed_fallback(async || (StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here\n"))
        .layer(middleware::from_fn_with_state(addressed, check_addressed))
        .with_state(scraper)
}

async fn scrape(State(scraper): State<Arc<Scraper>>) -> Response {
    match scraper.text().await {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS), (header::CACHE_CONTROL, "no-store")], text).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{failures, open_in};

    async fn scraper(fresh_for: Duration) -> (Scraper, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = open_in(folder.path()).await;
        let this = Scraper::new(Metrics::new(&[]), store, Timestamp::from_millis(1_500));
        (Scraper { fresh_for, ..this }, folder)
    }

    async fn raise(store: &Store) {
        let mut change = store.change().await.unwrap();
        change.writing();
        change.commit().await.unwrap();
    }

    fn revision(text: &str) -> Option<u64> {
        text.lines().find_map(|line| line.strip_prefix("mcpd_config_revision ")?.parse().ok())
    }

    #[tokio::test]
    async fn however_often_it_is_scraped_the_database_is_asked_once_in_a_while() {
        let (patient, _folder) = scraper(Duration::from_secs(3_600)).await;
        let before = revision(&patient.text().await.unwrap()).unwrap();
        raise(&patient.store).await;
        assert_eq!(revision(&patient.text().await.unwrap()), Some(before));
        let curious = Scraper { fresh_for: Duration::ZERO, ..patient };
        assert_eq!(revision(&curious.text().await.unwrap()), Some(before + 1));
    }

    #[tokio::test]
    async fn without_a_database_there_is_what_there_is_and_an_error_is_counted() {
        let (scraper, _folder) = scraper(Duration::from_secs(3_600)).await;
        scraper.store.close().await;
        let before = failures();
        let text = scraper.text().await.unwrap();
        assert!(failures() > before);
        assert_eq!(revision(&text), None);
        assert!(!text.contains("mcpd_gateways") && text.ends_with("# EOF\n"), "{text}");
        assert!(text.contains("process_start_time_seconds 1.5\n"), "{text}");
        assert!(text.contains("mcpd_audit_rejected_total 0\n"), "{text}");
        let asked_at = async || scraper.asked.lock().await.as_ref().map(|(at, _)| *at);
        let first = asked_at().await;
        assert_eq!(revision(&scraper.text().await.unwrap()), None);
        assert!(first.is_some() && asked_at().await == first, "it is not asked again at once");
    }
}
