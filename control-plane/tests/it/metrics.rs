//! `GET /metrics`: what a scrape tells, whom it tells it to, and what it tells without a database.

use crate::{
    audit::{Log, event},
    instances::until,
    on_both_stores,
    postgres::Cluster,
    stream::Gateway,
    world::World,
};
use control_plane::http::routes;
use serde_json::json;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use std::{collections::BTreeSet, fs};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const LISTEN: [&str; 2] = ["--metrics-listen", "127.0.0.1:0"];

/// Where it is scraped.
fn address(world: &World) -> String {
    fs::read_to_string(world.home("mcpd-metrics.addr")).unwrap().trim().to_owned()
}

/// What comes back for a request line and headers.
async fn told(world: &World, head: &str) -> String {
    let mut stream = TcpStream::connect(address(world)).await.unwrap();
    stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply
}

async fn scraped(world: &World) -> String {
    let reply = told(world, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n").await;
    let (head, text) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{reply}");
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    text.to_owned()
}

/// The value of one series.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// Scrapes until it tells what is wanted: what comes from the database may be some seconds old.
async fn once(world: &World, what: &str, wanted: impl Fn(&str) -> bool) -> String {
    until(what, async || Some(scraped(world).await).filter(|text| wanted(text))).await
}

/// Changes the database behind mcpd's back.
async fn sql(world: &World, statement: &str) {
    let statement = sqlx::AssertSqlSafe(statement.to_owned());
    match world.settings.database_url.as_deref().filter(|url| !url.is_empty()) {
        Some(url) => {
            let mut session = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(statement).execute(&mut session).await.unwrap();
        }
        None => {
            let url = format!("sqlite:{}", world.home("mcpd.db").display());
            let mut session = SqliteConnection::connect(&url).await.unwrap();
            sqlx::raw_sql(statement).execute(&mut session).await.unwrap();
        }
    }
}

async fn report(world: &World, gateway: &Gateway, revision: u64) {
    let status = json!({
        "config": {"state": "applied", "revision": revision}, "role": "local", "version": "0.1.0",
        "started_at": "2026-07-28T09:00:00.000Z", "listen_url": "http://127.0.0.1:9229", "audit_backlog": 3,
        "model": {"state": "unused"}, "servers": [],
    });
    let path = format!("/api/v1/gateways/{}/status", gateway.name);
    assert_eq!(world.call("PUT", &path, Some(&gateway.token), Some(status)).await.status, 204);
}

async fn gateways_instances_sessions_and_records_are_counted(mut world: World) {
    world.again(&LISTEN).await;
    let (one, _two) = (Gateway::enrol(&world, "laptop").await, Gateway::enrol(&world, "two").await);
    world.user("ann", &["operator"], None).await;
    let password = "correct horse battery";
    world.done("PUT", "/api/v1/users/ann/password", Some(json!({"password": password}))).await;
    let login = json!({"user": "ann", "password": password});
    let opened = world.call("POST", "/api/v1/sessions", None, Some(login)).await;
    assert_eq!(opened.status, 201, "{}", opened.text);
    world.put_wrapped("slack", "docker").await;
    world.instance_once("slack", |status| status["state"] == "pending").await;
    let mut log = Log::new(1);
    let records = log.events(&[event("a", 1, "intent", "ok"), event("a", 2, "outcome", "ok")]);
    for (batch, status) in
        [(log.batch(&records), 200), (log.batch(&records), 200), (json!({"key": "0", "records": []}), 422)]
    {
        let answer = world.call("POST", "/api/v1/gateways/laptop/audit", Some(&one.token), Some(batch)).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    assert!(world.revision().await > 3);
    report(&world, &one, 3).await;

    let lag = "mcpd_gateway_config_lag_revisions{gateway=\"laptop\"}";
    let pending = "mcpd_instances{runtime=\"docker\",state=\"pending\"}";
    let is_told = |text: &str| value(text, lag).is_some() && value(text, pending) == Some(1.0);
    let text = once(&world, "the report and the instance", is_told).await;
    assert_eq!(value(&text, lag), value(&text, "mcpd_config_revision").map(|newest| newest - 3.0), "{text}");
    for (series, expected) in [
        ("mcpd_instances{runtime=\"kubernetes\",state=\"running\"}", 0.0),
        ("mcpd_gateways{state=\"behind\"}", 2.0),
        ("mcpd_gateways{state=\"gone\"}", 0.0),
        ("mcpd_sessions_active", 1.0),
        ("mcpd_audit_records_ingested_total", 2.0),
        ("mcpd_audit_rejected_total", 1.0),
        ("mcpctl_build_info{version=\"0.1.0\",component=\"mcpd\"}", 1.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}: {text}");
    }
    assert!(value(&text, "mcpd_gateway_last_report_timestamp_seconds{gateway=\"laptop\"}").unwrap() > 1.7e9, "{text}");
    assert!(!text.contains("gateway=\"two\""), "it never reported: {text}");
    assert!(value(&text, "process_resident_memory_bytes").unwrap() > 1e6, "{text}");
    let started = value(&text, "process_start_time_seconds").unwrap();
    assert!(
        started > 1.7e9
            && value(&text, "process_open_fds").is_some()
            && value(&text, "process_cpu_seconds_total").is_some()
    );
    let connections =
        ["idle", "used"].map(|state| value(&text, &format!("mcpd_database_connections{{state=\"{state}\"}}")));
    assert!(connections.iter().copied().flatten().sum::<f64>() >= 1.0, "{text}");
    for secret in ["xoxb-plain", "ann", &world.admin, &one.token, opened.json()["token"].as_str().unwrap()] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }

    report(&world, &one, world.revision().await).await;
    let text = once(&world, "it caught up", |text| value(text, lag) == Some(0.0)).await;
    assert_eq!(value(&text, "mcpd_gateways{state=\"running\"}"), Some(1.0), "{text}");
}

async fn a_route_is_told_by_its_template_whatever_is_asked(mut world: World) {
    world.again(&LISTEN).await;
    for number in 0..40 {
        world.admin("GET", &format!("/api/v1/gateways/nobody-{number}"), None).await;
        world.admin("GET", &format!("/nowhere/{number}"), None).await;
        world.call(&format!("ODD{number}"), "/api/v1/status", None, None).await;
    }
    let text = scraped(&world).await;
    for (series, at_least) in [
        ("{route=\"/api/v1/gateways/{name}\",method=\"GET\",status=\"404\"}", 40.0),
        ("{route=\"other\",method=\"GET\",status=\"404\"}", 40.0),
        ("{route=\"/readyz\",method=\"GET\",status=\"204\"}", 1.0),
    ] {
        let count = value(&text, &format!("mcpd_http_request_duration_seconds_count{series}"));
        assert!(count.is_some_and(|count| count >= at_least), "{series} {count:?}: {text}");
    }
    let known: BTreeSet<&str> = routes().iter().map(|route| route.path).chain(["other"]).collect();
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "other"];
    let mut series = 0;
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("mcpd_http_request_duration_seconds_count{route=\"") else { continue };
        let (route, rest) = rest.split_once("\",method=\"").unwrap();
        let (method, _) = rest.split_once('"').unwrap();
        assert!(known.contains(route) && methods.contains(&method), "{line}");
        series += 1;
    }
    assert!(series < 20, "{text}");
}

async fn credentials_that_nobody_renews_are_told_before_they_end(mut world: World) {
    world.again(&LISTEN).await;
    let row = |server: &str, user: &str, expires_at: &str, renew_at: &str| {
        format!(
            "INSERT INTO connections (id, server, username, issuer, url, revision, version, state, scopes, ciphertext, \
             expires_at, renew_at, step_ups) VALUES ('{server}-{user}x', '{server}', '{user}', '', '', 1, 1, \
             'needs_consent', '[]', 'x', {expires_at}, {renew_at}, 0)"
        )
    };
    let (past, future, later) = ("1000", "4000000000000", "4000000001000");
    for statement in [
        row("own", "", past, "NULL"),
        row("renewed", "", future, future),
        row("lasting", "", "NULL", "NULL"),
        row("users", "ann", past, "NULL"),
        row("users", "bob", later, "NULL"),
        row("users", "eve", future, "NULL"),
    ] {
        sql(&world, &statement).await;
    }
    let text = once(&world, "credentials", |text| text.contains("mcpctl_credential_expiry_timestamp_seconds{")).await;
    let found: Vec<&str> =
        text.lines().filter(|line| line.starts_with("mcpctl_credential_expiry_timestamp_seconds{")).collect();
    let name = "mcpctl_credential_expiry_timestamp_seconds";
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(value(&text, &format!("{name}{{server=\"own\",kind=\"server\"}}")), Some(1.0), "{found:?}");
    assert_eq!(value(&text, &format!("{name}{{server=\"users\",kind=\"user\"}}")), Some(4e9), "{found:?}");
}

async fn it_is_there_only_if_it_is_wanted_and_only_for_who_addresses_it(mut world: World) {
    let file = world.home("mcpd-metrics.addr");
    assert!(!file.exists());
    assert_eq!(world.admin("GET", "/metrics", None).await.status, 404, "not on the listener of the REST API");
    world.again(&LISTEN).await;
    let own = address(&world);
    let port = own.rsplit(':').next().unwrap();
    for (head, status) in [
        (format!("GET /metrics HTTP/1.1\r\nHost: {own}\r\n"), 200),
        (format!("GET /metrics?x=y HTTP/1.1\r\nHost: localhost:{port}\r\n"), 200),
        (format!("GET /metrics HTTP/1.1\r\nHost: evil.example:{port}\r\n"), 403),
        (format!("GET /metrics HTTP/1.1\r\nHost: 0.0.0.0:{port}\r\n"), 403),
        (format!("GET /metrics HTTP/1.1\r\nHost: {own}\r\nOrigin: http://evil.example\r\n"), 403),
        (format!("GET /metrics HTTP/1.1\r\nHost: {own}\r\nHost: {own}\r\n"), 400),
        ("GET /metrics HTTP/1.1\r\n".to_owned(), 400),
        (format!("POST /metrics HTTP/1.1\r\nHost: {own}\r\nContent-Length: 0\r\n"), 405),
        (format!("OPTIONS /metrics HTTP/1.1\r\nHost: {own}\r\n"), 405),
        (format!("GET /api/v1/status HTTP/1.1\r\nHost: {own}\r\nAuthorization: Bearer {}\r\n", world.admin), 404),
        (format!("GET /healthz HTTP/1.1\r\nHost: {own}\r\n"), 404),
    ] {
        let reply = told(&world, &head).await;
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {reply}");
        assert_eq!(status == 200, reply.contains("mcpctl_build_info"), "{head}: {reply}");
    }
    let head = told(&world, &format!("HEAD /metrics HTTP/1.1\r\nHost: {own}\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.ends_with("\r\n\r\n"), "{head}");
    world.stop().await;
    assert!(!file.exists() && TcpStream::connect(&own).await.is_err());
}

#[tokio::test]
async fn without_postgres_a_scrape_tells_what_there_is_and_counts_the_error() {
    let cluster = Cluster::start();
    let world =
        World::on(&cluster.database(), &[&LISTEN[..], &["--database-acquire-timeout-ms", "700"]].concat()).await;
    let errors = async || value(&scraped(&world).await, "mcpd_database_errors_total").unwrap();
    once(&world, "the database", |text| text.contains("mcpd_config_revision ")).await;
    let before = errors().await;
    cluster.tell("stop fast");
    let text = once(&world, "its end", |text| !text.contains("mcpd_config_revision ")).await;
    assert!(!text.contains("mcpd_gateways") && text.contains("mcpd_http_request_duration_seconds_count"), "{text}");
    assert!(value(&text, "process_resident_memory_bytes").is_some(), "{text}");
    assert!(errors().await > before);
    assert_eq!(cluster.tell("start"), "started");
    once(&world, "it again", |text| text.contains("mcpd_config_revision ")).await;
}

#[tokio::test]
async fn with_half_a_sqlite_database_a_scrape_tells_what_there_is_and_counts_the_error() {
    let world = World::with(&LISTEN).await;
    let before = value(&scraped(&world).await, "mcpd_database_errors_total").unwrap();
    sql(&world, "ALTER TABLE instances RENAME TO away").await;
    let text = once(&world, "its end", |text| !text.contains("mcpd_config_revision ")).await;
    assert!(value(&text, "mcpd_database_errors_total").unwrap() > before, "{text}");
    assert!(value(&text, "process_resident_memory_bytes").is_some(), "{text}");
    sql(&world, "ALTER TABLE away RENAME TO instances").await;
    once(&world, "it again", |text| text.contains("mcpd_config_revision ")).await;
}

on_both_stores!(
    gateways_instances_sessions_and_records_are_counted,
    a_route_is_told_by_its_template_whatever_is_asked,
    credentials_that_nobody_renews_are_told_before_they_end,
    it_is_there_only_if_it_is_wanted_and_only_for_who_addresses_it,
);
