//! Pins: what gateways saw for the first time, what changed since, and approving it.

use super::{
    ApiError, App,
    authenticate::CallingGateway,
    body::{Body, Params},
};
use crate::{
    identity::{Actor, Caller},
    store::Tx,
};
use axum::{Extension, Json, extract::State, http::StatusCode};
use control_plane_api::{
    gateway::GatewaySummary,
    name::Name,
    object::{Kind, Named, Object, ObjectRef},
    pin::{Approval, Pin, PinReport, PinSpec, Quarantine},
    timestamp::Timestamp,
};

/// Longest name of a tool, in bytes (2026-07-28 server/tools).
const TOOL_NAME_BYTES_MAX: usize = 128;
/// Tools named, and differences told, in one audit event.
const TOLD_MAX: usize = 20;

fn missing(server: &Name) -> ApiError {
    ApiError::not_found(format!("server/{server} does not exist")).hint("`GET /api/v1/servers` lists those that do")
}

async fn pins_of(tx: &mut Tx, server: &Name) -> Result<Option<Named<PinSpec>>, ApiError> {
    let found = tx.object(&ObjectRef { kind: Kind::Pin, name: server.clone() }).await?;
    Ok(found.and_then(|object| match object {
        Object::Pin(pins) => Some(pins),
        _ => None,
    }))
}

pub(super) async fn read(
    State(app): State<App>,
    Params(server): Params<Name>,
) -> Result<Json<Named<PinSpec>>, ApiError> {
    pins_of(&mut app.store.read().await?, &server).await?.map(Json).ok_or_else(|| missing(&server))
}

/// What gateways saw first is pinned; what is pinned stays so, whoever sees something else.
pub(super) async fn report(
    State(app): State<App>,
    Extension(CallingGateway(gateway)): Extension<CallingGateway>,
    Body(report): Body<PinReport>,
) -> Result<StatusCode, ApiError> {
    if gateway.owner.is_some() {
        return Err(ApiError::forbidden("a local gateway of a user pins nothing").hint("the central gateway does"));
    }
    if let Some((tool, _)) = report.tools.iter().find(|(tool, pin)| !is_tool(tool) || !is_digest(&pin.digest)) {
        let shown: String = tool.chars().filter(|letter| !letter.is_control()).take(TOOL_NAME_BYTES_MAX).collect();
        return Err(ApiError::unprocessable(format!("the pin of `{shown}` is not one")));
    }
    let mut change = app.store.change().await?;
    let pins = pins_of(change.tx(), &report.server).await?;
    // Of a server that was removed, or made again, it is news from before.
    let Some(mut pins) = pins.filter(|pins| pins.spec.made_at == report.made_at) else {
        return Ok(StatusCode::NO_CONTENT);
    };
    let mut added = Vec::new();
    for (tool, pin) in report.tools {
        // Only people approve.
        let pin = Pin { approved_by: None, ..pin };
        if !pins.spec.tools.contains_key(&tool) && pins.spec.put(&tool, pin) {
            added.push(tool);
        }
    }
    if !added.is_empty() {
        let method = format!("POST /api/v1/gateways/{}/pins", gateway.name);
        let actor = Actor { user: None, token_id: None, method, peer: None };
        let effect = format!("pinned at first use: {}", told(&added));
        pins.revision = change.next();
        change.writing().put_object(&Object::Pin(pins)).await?;
        change.record(&actor, &format!("server/{}", report.server), &effect).await?;
    }
    change.commit().await?;
    app.published.announce();
    Ok(StatusCode::NO_CONTENT)
}

/// Approves what was looked at: a definition that no gateway finds any more is not approved.
pub(super) async fn approve(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(server): Params<Name>,
    Body(approval): Body<Approval>,
) -> Result<Json<Named<PinSpec>>, ApiError> {
    let mut change = app.store.change().await?;
    let mut pins = pins_of(change.tx(), &server).await?.ok_or_else(|| missing(&server))?;
    let gateways = change.tx().serving_gateways().await?;
    for (tool, digest) in approval.tools {
        let was = pins.spec.tools.get(&tool).map(|pin| pin.digest.clone()).unwrap_or_default();
        if was == digest {
            continue;
        }
        let found = quarantined(&gateways, &server, &tool, &digest).ok_or_else(|| {
            let detail = format!("no gateway finds this definition of tool `{tool}` of server/{server} now");
            ApiError::unprocessable(detail).hint("look at it again with `mcpctl tools describe`")
        })?;
        let pin = Pin {
            digest: digest.clone(),
            definition: found.definition.clone(),
            pinned_at: Timestamp::now(),
            approved_by: Some(caller.user.clone()),
        };
        pins.spec.put(&tool, pin);
        let effect = format!("approved sha256 {digest} in place of {was}: {}", told(&found.differences));
        pins.revision = change.next();
        change.writing().put_object(&Object::Pin(pins.clone())).await?;
        change.record(&caller.actor, &format!("server/{server}/tools/{tool}"), &effect).await?;
    }
    change.commit().await?;
    app.published.announce();
    Ok(Json(pins))
}

/// What a gateway found in place of what is pinned.
fn quarantined<'a>(gateways: &'a [GatewaySummary], server: &Name, tool: &str, digest: &str) -> Option<&'a Quarantine> {
    let servers = gateways.iter().filter_map(|gateway| gateway.status.as_ref()).flat_map(|status| &status.servers);
    let tools = servers.filter(|status| status.name == *server).flat_map(|status| &status.tools);
    let mut found = tools.filter(|status| status.name == tool).filter_map(|status| status.quarantine.as_ref());
    found.find(|quarantine| quarantine.digest == digest)
}

fn is_tool(name: &str) -> bool {
    (1..=TOOL_NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control)
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn told(items: &[String]) -> String {
    let more = items.len().saturating_sub(TOLD_MAX);
    let told: Vec<&str> = items.iter().take(TOLD_MAX).map(String::as_str).collect();
    let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
    told.join(", ") + &rest
}
