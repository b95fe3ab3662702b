//! What is found out once, before the checks: who answers, and what is configured. Checks only look at it.

use super::client_file::ClientFile;
use crate::{
    Invocation,
    client::{Client, http},
    commands::laptop,
    failure::{Failure, Status},
    home::{
        Token,
        record::{DaemonRecord, LaptopRecord},
    },
};
use control_plane_api::{
    access::{Role, WhoAmI},
    gateway::{ControlPlaneStatus, GatewaySummary, OwnStatus},
    name::Name,
    oauth::ConnectionSummary,
    object::Named,
    profile::ProfileSpec,
    project::ProjectSpec,
    server::ServerSpec,
    timestamp::Timestamp,
};
use reqwest::{StatusCode, header::DATE};
use std::time::Duration;
use url::Url;

/// Time for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Known<'a> {
    pub(super) invocation: &'a Invocation,
    /// Asked for by name.
    pub(super) project: Option<Name>,
    pub(super) daemon: Result<Option<DaemonRecord>, Failure>,
    pub(super) laptop: Option<LaptopRecord>,
    pub(super) token: Result<Token, Failure>,
    pub(super) plane_url: Url,
    /// The answer to `GET /healthz`: the clock behind it, or why there is none.
    pub(super) health: Result<Option<Timestamp>, String>,
    /// The answer to `GET /readyz`: whether the database answers.
    pub(super) ready: Option<bool>,
    /// Who the token speaks for.
    pub(super) who: Result<WhoAmI, Failure>,
    /// What is configured and reported, as far as that user may see it.
    pub(super) plane: Option<Plane>,
    /// What the gateway on this machine says of itself.
    pub(super) own: Option<OwnStatus>,
}

/// What the control plane told.
pub(super) struct Plane {
    pub(super) status: ControlPlaneStatus,
    pub(super) projects: Vec<Named<ProjectSpec>>,
    pub(super) connections: Vec<ConnectionSummary>,
    /// None where the user may not see it.
    pub(super) insight: Option<Insight>,
}

/// What only users with more than the role developer see.
pub(super) struct Insight {
    pub(super) servers: Vec<Named<ServerSpec>>,
    pub(super) profiles: Vec<Named<ProfileSpec>>,
    pub(super) gateways: Vec<GatewaySummary>,
}

impl<'a> Known<'a> {
    pub(super) async fn find(project: Option<Name>, invocation: &'a Invocation) -> Result<Self, Failure> {
        let home = &invocation.home;
        let plane_url = invocation.base()?;
        let daemon = home.daemon();
        let laptop = home.laptop()?;
        let token = home.token(&plane_url);
        let own_name = match (&laptop, &daemon) {
            (Some(record), _) => Some(record.gateway.clone()),
            (None, Ok(Some(_))) => "local".parse().ok(),
            (None, _) => None,
        };
        let own = async {
            match &own_name {
                Some(name) => laptop::own_status_of(home, name).await,
                None => None,
            }
        };
        let (health, ready, own) = tokio::join!(health(&plane_url), ready(&plane_url), own);
        let who = match (&health, &token) {
            (Ok(_), Ok(_)) => invocation.client()?.whoami().await,
            (Err(why), _) => Err(Failure::unhealthy(why.clone())),
            (_, Err(failure)) => Err(Failure::new(failure.status, failure.message.clone())),
        };
        let plane = match &who {
            Ok(_) => Plane::find(&invocation.client()?).await.ok(),
            Err(_) => None,
        };
        Ok(Self { invocation, project, daemon, laptop, token, plane_url, health, ready, who, plane, own })
    }

    /// The project by which the way is tried: the one asked for, the one a client's file names, or the first there is.
    pub(super) fn project_for(&self, files: &[ClientFile]) -> Option<Name> {
        let in_file = || files.iter().find_map(ClientFile::project);
        let first = || self.plane.as_ref().and_then(|plane| plane.projects.first()).map(|project| project.name.clone());
        self.project.clone().or_else(in_file).or_else(first)
    }

    /// Whether a project of that name is known not to be there.
    pub(super) fn lacks(&self, project: &Name) -> bool {
        self.plane.as_ref().is_some_and(|plane| plane.projects.iter().all(|known| known.name != *project))
    }

    /// Why what only the control plane knows was not looked at; none where it was.
    pub(super) fn blind(&self) -> Option<String> {
        match (&self.health, &self.who, &self.plane) {
            (Err(_), _, _) => Some("the control plane does not answer".to_owned()),
            (_, Err(failure), _) if failure.status == Status::Unauthenticated => {
                Some("the control plane takes no token from here".to_owned())
            }
            (_, Err(failure), _) => Some(failure.message.clone()),
            (_, _, None) => Some("the control plane did not tell what is configured".to_owned()),
            _ => None,
        }
    }

    /// The projects to look at: the one asked for, or all.
    pub(super) fn projects(&self) -> Vec<&Named<ProjectSpec>> {
        let all = self.plane.iter().flat_map(|plane| &plane.projects);
        all.filter(|project| self.project.as_ref().is_none_or(|name| project.name == *name)).collect()
    }

    /// What it is of the user that keeps things hidden; none where everything is shown.
    pub(super) fn hidden(&self) -> Option<String> {
        let hidden = self.plane.as_ref().is_some_and(|plane| plane.insight.is_none());
        let user = self.who.as_ref().map(|who| who.user.to_string()).unwrap_or_default();
        hidden.then(|| format!("user {user} may not see servers and profiles"))
    }

    /// The servers to look at: those of the project asked for, or all.
    pub(super) fn servers(&self) -> Vec<&Named<ServerSpec>> {
        let Some(insight) = self.plane.as_ref().and_then(|plane| plane.insight.as_ref()) else { return Vec::new() };
        let wanted = |server: &&Named<ServerSpec>| {
            let used =
                || self.projects().iter().flat_map(|project| &project.spec.profiles).cloned().collect::<Vec<_>>();
            let by =
                |profile: &Named<ProfileSpec>| profile.spec.server == server.name && used().contains(&profile.name);
            self.project.is_none() || insight.profiles.iter().any(by)
        };
        insight.servers.iter().filter(wanted).collect()
    }

    /// Whether the user may have servers asked.
    pub(super) fn operates(&self) -> bool {
        self.who.as_ref().is_ok_and(|who| who.roles.iter().any(|role| matches!(role, Role::Admin | Role::Operator)))
    }
}

impl Plane {
    async fn find(client: &Client) -> Result<Self, Failure> {
        let status = client.status().await?;
        // Users without a role see no projects either.
        let projects = visible(client.objects::<ProjectSpec>().await)?.unwrap_or_default();
        let connections = visible(client.connections().await)?.unwrap_or_default();
        let insight = match visible(client.objects::<ServerSpec>().await)? {
            Some(servers) => {
                Some(Insight { servers, profiles: client.objects().await?, gateways: client.serving_gateways().await? })
            }
            None => None,
        };
        Ok(Self { status, projects, connections, insight })
    }
}

/// None of what the user may not see.
fn visible<T>(answer: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.status == Status::Denied => Ok(None),
        Err(failure) => Err(failure),
    }
}

async fn health(base: &Url) -> Result<Option<Timestamp>, String> {
    let (status, date) = ask(base, "healthz").await?;
    if status.is_success() { Ok(date) } else { Err(format!("`{base}` answers {status}: it is no control plane")) }
}

async fn ready(base: &Url) -> Option<bool> {
    ask(base, "readyz").await.ok().map(|(status, _)| status.is_success())
}

async fn ask(base: &Url, path: &str) -> Result<(StatusCode, Option<Timestamp>), String> {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    let client = http::client(base, Some(ANSWER_TIMEOUT)).map_err(|failure| failure.message)?;
    let answer = client.get(url).send().await;
    let answer = answer.map_err(|error| format!("nothing answers at `{base}`: {}", http::reason(&error)))?;
    let date = answer.headers().get(DATE).and_then(|value| value.to_str().ok());
    let date = date.and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
    Ok((answer.status(), date.map(|date| Timestamp::from_millis(date.timestamp().as_millisecond()))))
}
