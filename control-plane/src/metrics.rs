//! mcpd in numbers: what it counts as things happen, and what it looks up when it is asked (`now`).
//!
//! Every label has a bounded number of values: routes are those of the one table, methods and states closed lists, gateways
//! and servers cut off at a maximum. Where it is served is known to `scrape`. No value of a user's is ever a label.

#[cfg(test)]
mod documented;
mod fleet;
mod now;
mod process;
mod scrape;

pub(crate) use fleet::Fleet;
use now::Now;
pub(crate) use scrape::{Scraper, router};

use crate::http::route::Route;
use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};
use std::{collections::BTreeSet, fmt, sync::Arc, time::Instant};

/// What stands for whatever is in no list.
const OTHER: &str = "other";

/// Seconds. Most answers take one or a few statements; 30 s is when a request is given up.
const REQUEST_BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    method: &'static str,
    status: u16,
}

/// What is counted. Clones share everything.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Counted>);

struct Counted {
    registry: Registry,
    routes: BTreeSet<&'static str>,
    requests: Family<Answered, Histogram, fn() -> Histogram>,
    records_taken: Counter,
    batches_refused: Counter,
}

impl Metrics {
    /// Nothing counted yet; requests are told apart by `routes`.
    pub(crate) fn new(routes: &[Route]) -> Self {
        let buckets: fn() -> Histogram = || Histogram::new(REQUEST_BUCKETS);
        let requests = Family::new_with_constructor(buckets);
        let (records_taken, batches_refused) = (Counter::default(), Counter::default());
        let mut registry = Registry::default();
        registry.register_with_unit(
            "mcpd_http_request_duration",
            "Time to the head of an answer; `route` as in the OpenAPI document, `other` for what is not there",
            Unit::Seconds,
            requests.clone(),
        );
        registry.register(
            "mcpd_audit_records_ingested",
            "Audit records of gateways that were verified and stored",
            records_taken.clone(),
        );
        registry.register(
            "mcpd_audit_rejected",
            "Batches of audit records that were refused: tampered with, damaged, or not the gateway's own",
            batches_refused.clone(),
        );
        let routes = routes.iter().map(|route| route.path).collect();
        Self(Arc::new(Counted { registry, routes, requests, records_taken, batches_refused }))
    }

    /// So many audit records are stored that were not before.
    pub(crate) fn took_records(&self, count: u64) {
        self.0.records_taken.inc_by(count);
    }

    /// A batch of audit records was refused.
    pub(crate) fn refused_records(&self) {
        self.0.batches_refused.inc();
    }

    fn answered(&self, path: Option<&str>, method: &Method, status: u16, seconds: f64) {
        let route = path.and_then(|path| self.0.routes.get(path)).copied().unwrap_or(OTHER);
        let answered = Answered { route, method: word(method), status };
        self.0.requests.get_or_create(&answered).observe(seconds);
    }

    /// Everything, in the text format of OpenMetrics 1.0.
    fn render(&self, now: Now) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode_registry(&mut text, &self.0.registry)?;
        let mut looked_up = Registry::default();
        looked_up.register_collector(Box::new(now));
        text::encode_registry(&mut text, &looked_up)?;
        text::encode_eof(&mut text)?;
        Ok(text)
    }
}

/// Takes the time of a request.
pub(crate) async fn observe(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let response = next.run(request).await;
    let path = path.as_ref().map(MatchedPath::as_str);
    metrics.answered(path, &method, response.status().as_u16(), began.elapsed().as_secs_f64());
    response
}

fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::{documented::crowded, *};
    use crate::http::routes;
    use now::{CREDENTIAL_LABELS_MAX, GATEWAY_LABELS_MAX};

    /// Lines that are not about a metric but its values.
    fn series(text: &str) -> Vec<&str> {
        text.lines().filter(|line| !line.starts_with('#')).collect()
    }

    #[test]
    fn whoever_asks_for_whatever_makes_no_series_but_those_of_the_table() {
        let (metrics, routes) = (Metrics::new(&routes()), routes());
        let mut paths: Vec<Option<&str>> = routes.iter().map(|route| Some(route.path)).collect();
        let strange: Vec<String> = (0..1_000).map(|number| format!("/api/v1/servers/s{number}")).collect();
        paths.extend(strange.iter().map(|path| Some(path.as_str())));
        paths.push(None);
        let odd: Vec<Method> = (0..200).map(|number| format!("M{number}").parse().unwrap()).collect();
        let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::PATCH];
        for method in methods.iter().chain(&odd) {
            for path in &paths {
                metrics.answered(*path, method, 404, 0.01);
            }
        }
        let text = metrics.render(Now::default()).unwrap();
        let known = routes.iter().map(|route| route.path).collect::<BTreeSet<_>>().len() + 1;
        let found =
            series(&text).iter().filter(|line| line.starts_with("mcpd_http_request_duration_seconds_count{")).count();
        assert_eq!(found, known * 6, "routes and `other`, by five methods and `other`");
        assert!(!text.contains("s999") && !text.contains("M199"), "{text}");
    }

    #[test]
    fn so_many_gateways_and_servers_have_series_and_no_more() {
        let few = Metrics::new(&[]).render(crowded(10)).unwrap();
        let many = Metrics::new(&[]).render(crowded(3_000)).unwrap();
        let count = |text: &str, name: &str| series(text).iter().filter(|line| line.starts_with(name)).count();
        for name in ["mcpd_gateway_config_lag_revisions{", "mcpd_gateway_last_report_timestamp_seconds{"] {
            assert_eq!((count(&few, name), count(&many, name)), (10, GATEWAY_LABELS_MAX), "{name}");
        }
        let ends = "mcpctl_credential_expiry_timestamp_seconds{";
        assert_eq!((count(&few, ends), count(&many, ends)), (10, CREDENTIAL_LABELS_MAX));
        assert!(series(&many).len() < GATEWAY_LABELS_MAX * 2 + CREDENTIAL_LABELS_MAX + 50, "{}", series(&many).len());
        assert!(many.contains("mcpd_gateways{state=\"running\"} 3000\n"), "all are counted");
    }
}
