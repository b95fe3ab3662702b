//! `mcpctl status` on a laptop: who is logged in, what is reached and what is cut off, and which projects there are. It answers
//! whatever is away: that is when it is asked.

use super::{is_running, own_status};
use crate::{
    Invocation,
    client::http,
    failure::{Failure, Status as Exit},
    grants,
    home::record::LaptopRecord,
    output::{Report, Table, age},
};
use control_plane_api::{gateway::OwnStatus, timestamp::Timestamp};
use serde::Serialize;
use std::time::Duration;
use url::Url;

/// Time for the central gateway, or the control plane, to answer at all.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// Finds it out.
pub(in crate::commands) async fn find(invocation: &Invocation) -> Result<Status, Failure> {
    let record = invocation.home.laptop()?.ok_or_else(|| Failure::unhealthy("nobody is logged in here any more"))?;
    let (login, central) = tokio::join!(login(invocation), probe(&record.central_url));
    let gateway = match is_running(&record) {
        true => own_status(&invocation.home, &record).await,
        false => None,
    };
    Ok(Status::new(&record, login, central, gateway))
}

/// How the control plane took the login.
enum Login {
    Good,
    /// It does not count any more.
    Ended,
    /// It could not be asked, and why.
    Unknown(String),
}

async fn login(invocation: &Invocation) -> Login {
    let asked = async { invocation.client()?.quickly(PROBE_TIMEOUT)?.whoami().await };
    match asked.await {
        Ok(_) => Login::Good,
        Err(failure) if failure.status == Exit::Unauthenticated => Login::Ended,
        Err(failure) => Login::Unknown(failure.message),
    }
}

/// Why nothing at `url` answers; none when something does, whatever it says.
pub(in crate::commands) async fn probe(url: &str) -> Option<String> {
    let Ok(url) = Url::parse(url) else { return Some("it is no URL".to_owned()) };
    let client = match http::client(&url, Some(PROBE_TIMEOUT)) {
        Ok(client) => client,
        Err(failure) => return Some(failure.message),
    };
    client.get(url).send().await.err().map(|error| http::reason(&error))
}

/// See the module.
#[derive(Serialize)]
pub(in crate::commands) struct Status {
    user: String,
    server: String,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    kind: &'static str,
    name: String,
    state: &'static str,
    detail: String,
    /// Seconds are for people to read: when what is said was last known to be so.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
}

impl Status {
    fn new(record: &LaptopRecord, login: Login, central: Option<String>, gateway: Option<OwnStatus>) -> Self {
        let mut rows =
            vec![login_row(record, &login), plane_row(record, &login), gateway_row(record, gateway.as_ref())];
        let cut_off = central.is_some();
        rows.push(Row {
            kind: "central",
            name: record.central_url.clone(),
            state: if cut_off { "unreachable" } else { "reachable" },
            detail: central.map(|why| format!("tools are cut off: {why}")).unwrap_or_default(),
            at: None,
        });
        let servers = gateway.into_iter().flat_map(|gateway| gateway.servers);
        rows.extend(servers.map(|server| Row {
            kind: "project",
            name: server.name.to_string(),
            state: if cut_off { "cut-off" } else { grants::state(server.state) },
            detail: server.error.unwrap_or_default(),
            at: None,
        }));
        Self { user: record.user.to_string(), server: record.server.to_string(), rows }
    }
}

fn login_row(record: &LaptopRecord, login: &Login) -> Row {
    let (state, detail) = match login {
        Login::Good => ("logged-in", String::new()),
        Login::Ended => ("ended", "clients go on until then; for mcpctl run `mcpctl login`; ".to_owned()),
        Login::Unknown(_) => ("unchecked", String::new()),
    };
    let until = match record.expires_at <= Timestamp::now() {
        true => "the gateway's login has ended: run `mcpctl login`".to_owned(),
        false => format!("gateway until {}", record.expires_at),
    };
    Row { kind: "login", name: record.user.to_string(), state, detail: format!("{detail}{until}"), at: None }
}

fn plane_row(record: &LaptopRecord, login: &Login) -> Row {
    let (state, detail) = match login {
        Login::Unknown(why) => ("unreachable", why.clone()),
        Login::Good | Login::Ended => ("reachable", String::new()),
    };
    Row { kind: "control-plane", name: record.server.to_string(), state, detail, at: None }
}

/// Current as long as the control plane takes its reports; else what it has is as old as its last confirmation.
fn gateway_row(record: &LaptopRecord, gateway: Option<&OwnStatus>) -> Row {
    let row = |state, detail, at| Row { kind: "gateway", name: record.gateway.to_string(), state, detail, at };
    let Some(gateway) = gateway else {
        let detail = "start it with `mcpctl daemon start`; its log is logs/gateway.log".to_owned();
        return row(if is_running(record) { "silent" } else { "stopped" }, detail, None);
    };
    let revision = gateway.revision.map_or_else(|| "none".to_owned(), |revision| revision.to_string());
    let base = format!("{} revision={revision} version={}", record.gateway_url, gateway.version);
    match (&gateway.contact.problem, gateway.contact.reached_at) {
        (None, Some(at)) => row("running", base, Some(at)),
        (Some(why), Some(at)) => row("stale", format!("{base}; since then: {why}"), Some(at)),
        (Some(why), None) => row("stale", format!("{base}; never confirmed: {why}"), Some(gateway.started_at)),
        (None, None) => row("starting", base, Some(gateway.started_at)),
    }
}

impl Report for Status {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["NAME", "STATE", "AGE", "DETAIL"]);
        for row in &self.rows {
            let age = row.at.map_or_else(|| "-".to_owned(), age::since);
            table.row([format!("{}/{}", row.kind, row.name), row.state.to_owned(), age, row.detail.clone()]);
        }
        table
    }

    fn names(&self) -> Vec<String> {
        let projects = self.rows.iter().filter(|row| row.kind == "project");
        projects.map(|row| row.name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control_plane_api::gateway::Contact;
    use serde_json::json;

    fn record() -> LaptopRecord {
        serde_json::from_value(json!({"server": "https://mcpd.example", "user": "ann", "gateway": "laptop-ann-x",
            "gateway_url": "http://127.0.0.1:9229", "central_url": "https://mcp.example/",
            "expires_at": "2999-01-01T00:00:00Z"}))
        .unwrap()
    }

    fn gateway(contact: Contact) -> OwnStatus {
        serde_json::from_value(json!({"name": "laptop-ann-x", "version": "1", "started_at": "2026-07-28T09:00:00Z",
            "revision": 7, "contact": contact, "audit_backlog": 0,
            "servers": [{"name": "weekly", "state": "ready"}]}))
        .unwrap()
    }

    fn check(login: Login, central: Option<&str>, gateway: Option<OwnStatus>) -> Vec<(&'static str, &'static str)> {
        let status = Status::new(&record(), login, central.map(str::to_owned), gateway);
        status.rows.iter().map(|row| (row.kind, row.state)).collect()
    }

    #[test]
    fn everything_works_or_it_is_said_what_does_not() {
        let at = Some("2026-07-28T09:00:05Z".parse().unwrap());
        let well = gateway(Contact { reached_at: at, problem: None });
        let [login, plane, running] = [("login", "logged-in"), ("control-plane", "reachable"), ("gateway", "running")];
        let rest = [("central", "reachable"), ("project", "ready")];
        assert_eq!(check(Login::Good, None, Some(well)), [&[login, plane, running][..], &rest].concat());
        let ill = gateway(Contact { reached_at: at, problem: Some("no route".to_owned()) });
        let away = [("login", "unchecked"), ("control-plane", "unreachable"), ("gateway", "stale")];
        let rest = [("central", "unreachable"), ("project", "cut-off")];
        let found = check(Login::Unknown("no route".to_owned()), Some("no route"), Some(ill));
        assert_eq!(found, [&away[..], &rest].concat());
        assert_eq!(check(Login::Ended, None, None)[..3], [("login", "ended"), plane, ("gateway", "stopped")]);
    }
}
