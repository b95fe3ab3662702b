//! Instances: how they are, and what they are asked to do. Orders are configuration: gateways and the reconciler of
//! instances carry them out.

use super::{ApiError, App, body::Params};
use crate::{
    configure::{self, Expected},
    identity::Caller,
    instances::{ProbeError, gateways_of, status_of},
    store::Order,
};
use axum::{
    Extension, Json,
    extract::{Query, State},
};
use control_plane_api::{
    gateway::{GatewaySummary, ServerState, ServerStatus},
    instance::{InstanceLogs, InstanceOrder, InstanceState, InstanceStatus, InstanceTest, LOG_LINES_MAX, LogLine},
    name::Name,
    object::{Kind, Named, Object, ObjectRef},
    runtime::{Desired, RuntimeKind},
    server::ServerSpec,
    timestamp::Timestamp,
};
use serde::Deserialize;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};

/// Lines of a log when nobody says how many.
const LOG_LINES: usize = 100;
/// Time gateways have to ask a server and to report it.
const TEST_TIMEOUT: Duration = Duration::from_secs(20);
/// Between two looks at what they reported.
const TEST_LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Which lines of a log.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogQuery {
    tail: Option<usize>,
    since: Option<Timestamp>,
}

pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<InstanceStatus>>, ApiError> {
    let mut tx = app.store.read().await?;
    let (servers, rows, gateways) =
        (tx.objects_of(Kind::Server).await?, tx.instances().await?, tx.serving_gateways().await?);
    let now = Timestamp::now();
    let of = |object: Object| match object {
        Object::Server(server) => {
            let row = rows.iter().find(|row| row.server == server.name);
            status_of(&server, row, &gateways, now)
        }
        _ => Vec::new(),
    };
    Ok(Json(servers.into_iter().flat_map(of).collect()))
}

pub(super) async fn read(
    State(app): State<App>,
    Params(name): Params<Name>,
) -> Result<Json<Vec<InstanceStatus>>, ApiError> {
    statuses(&app, &name).await.map(Json)
}

pub(super) async fn start(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(name): Params<Name>,
) -> Result<Json<InstanceOrder>, ApiError> {
    want(&app, &caller, &name, (Desired::Running, None)).await
}

pub(super) async fn stop(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(name): Params<Name>,
) -> Result<Json<InstanceOrder>, ApiError> {
    want(&app, &caller, &name, (Desired::Stopped, None)).await
}

pub(super) async fn restart(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(name): Params<Name>,
) -> Result<Json<InstanceOrder>, ApiError> {
    want(&app, &caller, &name, (Desired::Running, Some(Order::Restart))).await
}

pub(super) async fn logs(
    State(app): State<App>,
    Params(name): Params<Name>,
    query: Result<Query<LogQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Vec<InstanceLogs>>, ApiError> {
    let Query(LogQuery { tail, since }) = query.map_err(|error| ApiError::malformed(error.body_text()))?;
    let tail = tail.unwrap_or(LOG_LINES);
    if !(1..=LOG_LINES_MAX).contains(&tail) {
        return Err(ApiError::malformed(format!("`tail` is a number from 1 to {LOG_LINES_MAX}")));
    }
    let server = instance(&app, &name).await?;
    if server.spec.instance() != Some(RuntimeKind::Process) {
        let secrets = app.store.read().await?.secrets().await?;
        let lines = app.instances.logs((&server, &secrets), tail, since).await;
        let lines = lines.map_err(|error| ApiError::bad_gateway(error.to_string()))?;
        return Ok(Json(vec![InstanceLogs { gateway: None, lines }]));
    }
    let gateways = app.store.read().await?.serving_gateways().await?;
    let last = |lines: &[LogLine]| {
        let lines: Vec<LogLine> =
            lines.iter().filter(|line| since.is_none_or(|since| line.at >= since)).cloned().collect();
        let before = lines.len().saturating_sub(tail);
        lines.into_iter().skip(before).collect()
    };
    let logs = gateways_of(&server, &gateways)
        .map(|(gateway, status)| InstanceLogs { gateway: Some(gateway.name.clone()), lines: last(&status.stderr) });
    Ok(Json(logs.collect()))
}

/// Asks an instance now. A container is asked by mcpd; what gateways reach is asked by them.
pub(super) async fn test(
    State(app): State<App>,
    Params(name): Params<Name>,
) -> Result<Json<Vec<InstanceTest>>, ApiError> {
    let server = configured(&app, &name).await?;
    match server.spec.instance() {
        Some(RuntimeKind::Docker | RuntimeKind::Kubernetes) => {
            let status = statuses(&app, &name).await?.into_iter().next();
            Ok(Json(vec![asked(&app, server, status).await]))
        }
        Some(RuntimeKind::Process) | None => by_gateways(&app, &server).await.map(Json),
    }
}

async fn asked(app: &App, server: Named<ServerSpec>, status: Option<InstanceStatus>) -> InstanceTest {
    let nothing = InstanceTest {
        name: server.name,
        gateway: None,
        passed: false,
        error: None,
        probed: None,
        tools: Vec::new(),
        elapsed_ms: 0,
    };
    let Some((status, endpoint)) = status.and_then(|status| Some((status.clone(), status.endpoint?))) else {
        let error = "it does not run, or has not answered yet: `mcpctl instance status` says why".to_owned();
        return InstanceTest { error: Some(error), ..nothing };
    };
    match app.instances.probe.ask(&endpoint).await {
        Ok(answered) => {
            InstanceTest { passed: true, tools: answered.tools, elapsed_ms: answered.elapsed_ms, ..nothing }
        }
        Err(error @ ProbeError::Unreachable(..)) if status.state != InstanceState::Running => {
            InstanceTest { error: Some(format!("{error}; it is {}", status.state)), ..nothing }
        }
        Err(error) => InstanceTest { error: Some(error.to_string()), ..nothing },
    }
}

async fn by_gateways(app: &App, server: &Named<ServerSpec>) -> Result<Vec<InstanceTest>, ApiError> {
    let began = Instant::now();
    let mut change = app.store.change().await?;
    change.writing().found_instance(&server.name, RuntimeKind::Process).await?;
    let order = change.writing().order_instance(&server.name, Order::Test).await?.tests;
    change.commit().await?;
    app.published.announce();
    let mut clock = interval(TEST_LOOK_INTERVAL);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Another replica may have got the report: the store knows it.
        clock.tick().await;
        let gateways = app.store.read().await?.serving_gateways().await?;
        let reports: Vec<(&GatewaySummary, &ServerStatus)> = gateways_of(server, &gateways).collect();
        if reports.is_empty() && began.elapsed() >= TEST_TIMEOUT {
            let detail = format!("no gateway has reported server/{} yet", server.name);
            return Err(ApiError::conflict(detail).hint("`mcpctl status` shows the gateways; start one"));
        }
        let done = !reports.is_empty() && reports.iter().all(|(_, status)| status.tested >= order);
        if done || began.elapsed() >= TEST_TIMEOUT {
            let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            return Ok(reports.iter().map(|report| verdict(*report, order, elapsed_ms)).collect());
        }
    }
}

fn verdict((gateway, status): (&GatewaySummary, &ServerStatus), order: u64, elapsed_ms: u64) -> InstanceTest {
    let error = match status.state {
        _ if status.tested < order => Some(format!("its gateway did not report within {} s", TEST_TIMEOUT.as_secs())),
        ServerState::Ready => status
            .probed
            .as_ref()
            .and_then(|probed| Some((&probed.tool, probed.error.as_ref()?)))
            .map(|(tool, error)| format!("it answers, but a call of `{tool}` failed: {error}")),
        ServerState::Stopped => Some(format!("it is stopped: start it with `mcpctl instance start {}`", status.name)),
        _ => Some(status.error.clone().unwrap_or_else(|| "it does not answer".to_owned())),
    };
    InstanceTest {
        name: status.name.clone(),
        gateway: Some(gateway.name.clone()),
        passed: error.is_none(),
        probed: status.probed.clone().filter(|_| status.tested >= order),
        tools: if error.is_none() { status.tools.iter().map(|tool| tool.name.clone()).collect() } else { Vec::new() },
        error,
        elapsed_ms,
    }
}

/// Changes what is wanted of an instance, in one change of the configuration.
async fn want(
    app: &App,
    caller: &Caller,
    name: &Name,
    (desired, order): (Desired, Option<Order>),
) -> Result<Json<InstanceOrder>, ApiError> {
    let mut change = app.store.change().await?;
    let object = change.tx().object(&ObjectRef { kind: Kind::Server, name: name.clone() }).await?;
    let mut server = run_here(object, name)?;
    let kind = server.spec.runtime.kind();
    server.spec.desired = desired;
    configure::put(&mut change, Object::Server(server), &Expected::Whatever, &caller.actor).await?;
    if let Some(order) = order {
        change.writing().found_instance(name, kind).await?;
        change.writing().order_instance(name, order).await?;
        change.record(&caller.actor, &format!("instance/{name}"), "restart").await?;
    }
    let revision = change.commit().await?;
    app.published.announce();
    Ok(Json(InstanceOrder { revision, instances: statuses(app, name).await? }))
}

async fn statuses(app: &App, name: &Name) -> Result<Vec<InstanceStatus>, ApiError> {
    let server = instance(app, name).await?;
    let mut tx = app.store.read().await?;
    let (rows, gateways) = (tx.instances().await?, tx.serving_gateways().await?);
    let row = rows.iter().find(|row| row.server == server.name);
    Ok(status_of(&server, row, &gateways, Timestamp::now()))
}

/// A server that is run here.
async fn instance(app: &App, name: &Name) -> Result<Named<ServerSpec>, ApiError> {
    let reference = ObjectRef { kind: Kind::Server, name: name.clone() };
    run_here(app.store.read().await?.object(&reference).await?, name)
}

async fn configured(app: &App, name: &Name) -> Result<Named<ServerSpec>, ApiError> {
    match app.store.read().await?.object(&ObjectRef { kind: Kind::Server, name: name.clone() }).await? {
        Some(Object::Server(server)) => Ok(server),
        _ => Err(missing(name)),
    }
}

fn run_here(object: Option<Object>, name: &Name) -> Result<Named<ServerSpec>, ApiError> {
    match object {
        Some(Object::Server(server)) if server.spec.instance().is_some() => Ok(server),
        Some(_) => {
            let detail = format!("server/{name} is reached at a URL and run by somebody else");
            Err(ApiError::conflict(detail)
                .hint("it has no instance here; `mcpctl instance test` asks whether it answers"))
        }
        None => Err(missing(name)),
    }
}

fn missing(name: &Name) -> ApiError {
    ApiError::not_found(format!("server/{name} does not exist")).hint("`mcpctl server list` shows those that do")
}
