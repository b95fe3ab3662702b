//! The control plane, its clock, its version, the gateways it knows, and its database.

use super::{
    check::{Check, Name},
    gateway::START,
    known::Known,
};
use crate::{client::http::is_loopback, commands::version::CLIENT, processes, processes::log_tail};
use control_plane_api::{
    gateway::{ConfigState, GatewayState, GatewaySummary, Skew},
    timestamp::Timestamp,
};

/// A difference of clocks worth a word, in seconds.
const CLOCK_S_LOW: i64 = 30;
/// A difference at which tokens and logins fail, in seconds: what issuers' tokens are forgiven at the most.
const CLOCK_S_MAX: i64 = 300;

pub(super) fn checks(known: &Known<'_>) -> Vec<Check> {
    let mut all = vec![control_plane(known), clock(known), version(known)];
    all.extend(gateways(known));
    all.push(database(known));
    all
}

fn control_plane(known: &Known<'_>) -> Check {
    const NAME: Name = Name::ControlPlane;
    match &known.health {
        Ok(_) => Check::ok(NAME, format!("`{}` answers", known.plane_url)),
        Err(why) => {
            let own = known.daemon.as_ref().ok().and_then(Option::as_ref).filter(|_| known.invocation.server.is_none());
            if own.is_some_and(|record| !processes::is_running(&record.mcpd)) {
                let last = log_tail(&known.invocation.home.path("logs/mcpd.log"), 0).pop();
                let last = last.map(|line| format!("; last in its log: {line}")).unwrap_or_default();
                return Check::fail(NAME, format!("mcpd does not run{last}")).fix(START);
            }
            let check = Check::fail(NAME, why.clone());
            match own.is_some() || (is_loopback(&known.plane_url) && known.laptop.is_none()) {
                // It runs and does not answer: only a new one does.
                true if own.is_some() => check.fix("mcpctl daemon stop").fix(START),
                true => check.fix(START),
                false => check.advice("check the URL given by `--server` or MCPCTL_SERVER, and the network"),
            }
        }
    }
}

fn clock(known: &Known<'_>) -> Check {
    const NAME: Name = Name::Clock;
    let at = match &known.health {
        Ok(Some(at)) => at,
        Ok(None) => return Check::skipped(NAME, "the control plane does not tell what time it is"),
        Err(_) => return Check::skipped(NAME, "the control plane does not answer"),
    };
    let off = Timestamp::now().as_millis().saturating_sub(at.as_millis()) / 1_000;
    let found = format!("this machine's clock and the control plane's are {} s apart", off.abs());
    match off.abs() {
        CLOCK_S_MAX.. => Check::fail(NAME, found).fix("sudo timedatectl set-ntp true"),
        CLOCK_S_LOW.. => Check::warn(NAME, found).fix("sudo timedatectl set-ntp true"),
        _ => Check::ok(NAME, found),
    }
}

fn version(known: &Known<'_>) -> Check {
    const NAME: Name = Name::Version;
    let Some(plane) = &known.plane else {
        return Check::skipped(NAME, known.blind().unwrap_or_default());
    };
    let of_plane = &plane.status.version;
    let insight = plane.insight.iter().flat_map(|insight| &insight.gateways);
    let odd: Vec<String> = insight
        .filter_map(|gateway| Some((&gateway.name, &gateway.status.as_ref()?.version)))
        .filter(|(_, version)| Skew::of(of_plane, version) == Skew::Unsupported)
        .map(|(name, version)| format!("gateway {name} is {version}"))
        .collect();
    let own = match Skew::of(of_plane, CLIENT) {
        Skew::None => Vec::new(),
        _ => vec![format!("mcpctl is {CLIENT}")],
    };
    let odd = [own, odd].concat();
    if odd.is_empty() {
        return Check::ok(NAME, format!("{of_plane} everywhere"));
    }
    Check::warn(NAME, format!("the control plane is {of_plane}, but {}", odd.join(", ")))
        .advice("use the same version on both sides; `mcpctl version` lists them")
}

fn database(known: &Known<'_>) -> Check {
    const NAME: Name = Name::Database;
    match (&known.health, known.ready, &known.plane) {
        (Err(_), _, _) => Check::skipped(NAME, "the control plane does not answer"),
        (Ok(_), Some(true), Some(plane)) => {
            let (store, revision) = (&plane.status.store, plane.status.revision);
            Check::ok(
                NAME,
                format!("{store} answers, with the tables of {}, revision {revision}", plane.status.version),
            )
        }
        (Ok(_), Some(true), None) => Check::ok(NAME, "it answers"),
        (Ok(_), _, _) => {
            let own = known.daemon.as_ref().ok().is_some_and(Option::is_some) && known.invocation.server.is_none();
            let check = Check::fail(NAME, "the control plane runs, but its database does not answer");
            match own {
                true => check
                    .fix("mcpctl daemon stop")
                    .fix(START)
                    .advice("for PostgreSQL: start it, and check DATABASE_URL"),
                false => check.advice("whoever runs the control plane starts PostgreSQL and checks DATABASE_URL"),
            }
        }
    }
}

/// Each gateway that serves everybody, as the control plane sees it.
fn gateways(known: &Known<'_>) -> Vec<Check> {
    const NAME: Name = Name::Gateways;
    if let Some(why) = known.blind().or_else(|| known.hidden()) {
        return vec![Check::skipped(NAME, why)];
    }
    let Some(plane) = &known.plane else { return Vec::new() };
    let newest = plane.status.revision;
    let all = plane.insight.as_ref().map(|insight| insight.gateways.as_slice()).unwrap_or_default();
    if all.is_empty() {
        let check = Check::fail(NAME, "no gateway ever enrolled");
        return vec![match known.invocation.server {
            Some(_) => check.fix("mcpctl gateway join-token NAME"),
            None => check.fix(START),
        }];
    }
    all.iter().map(|gateway| applied(gateway, newest)).collect()
}

fn applied(gateway: &GatewaySummary, newest: u64) -> Check {
    const NAME: Name = Name::Gateways;
    let name = &gateway.name;
    match gateway.state(newest, Timestamp::now()) {
        state @ (GatewayState::Stale | GatewayState::Gone) => {
            let seen = gateway.seen_at.map_or("it enrolled".to_owned(), |seen| seen.to_string());
            Check::warn(NAME, format!("{name} is {state}: nothing was heard of it since {seen}"))
                .advice(format!("start it, or give it up with `mcpctl gateway remove {name}`"))
        }
        GatewayState::Draining => {
            Check::warn(NAME, format!("{name} is drained")).fix(format!("mcpctl gateway resume {name}"))
        }
        GatewayState::Rejected => rejected(gateway),
        GatewayState::Behind => {
            let at = gateway.revision();
            Check::warn(NAME, format!("{name} is at revision {at} of {newest}"))
                .advice("wait a moment; if it stays behind, look into its log")
        }
        GatewayState::Running => Check::ok(NAME, format!("{name} has revision {newest} in force")),
    }
}

fn rejected(gateway: &GatewaySummary) -> Check {
    let name = &gateway.name;
    let Some(ConfigState::Rejected { revision, violations, .. }) = gateway.status.as_ref().map(|status| &status.config)
    else {
        return Check::warn(Name::Gateways, format!("{name} refuses the configuration"));
    };
    let why = violations.first().map(ToString::to_string).unwrap_or_default();
    let check = Check::fail(Name::Gateways, format!("{name} refused revision {revision}: {why}"));
    match violations.first() {
        Some(violation) => check.fix(format!("mcpctl get {} -o yaml", violation.object)).advice("correct that object"),
        None => check,
    }
}
