//! What is known of a configuration: its objects, and the names that gateways found its servers to offer.

use crate::{client::Client, failure::Failure, grants, manifest};
use control_plane_api::{
    access::{Role, UserSpec},
    argument::Declared,
    gateway::{GatewaySummary, ToolStatus},
    name::Name,
    object::{Kind, Object},
    profile::ProfileSpec,
    project::ProjectSpec,
    server::ServerSpec,
    snapshot::Snapshot,
    validate::validate,
};
use policy::{Policy, Request, Who};
use std::{collections::BTreeSet, sync::Arc};

/// A configuration, compiled.
pub(crate) struct Known {
    pub(crate) snapshot: Snapshot,
    pub(crate) policy: Policy,
}

/// What gateways report, apart from any configuration.
pub(crate) struct Reported(Vec<GatewaySummary>);

/// One thing of one server that may be meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Meant {
    pub(crate) server: Name,
    /// The server's own name.
    pub(crate) own: String,
}

impl Known {
    pub(crate) async fn fetch(client: &Client) -> Result<Self, Failure> {
        let mut objects: Vec<Object> = Vec::new();
        objects.extend(client.objects::<ServerSpec>().await?.into_iter().map(Object::Server));
        objects.extend(client.objects::<ProfileSpec>().await?.into_iter().map(Object::Profile));
        objects.extend(client.objects::<ProjectSpec>().await?.into_iter().map(Object::Project));
        objects.extend(client.objects::<UserSpec>().await?.into_iter().map(Object::User));
        Ok(Self::of(Snapshot { objects, ..Snapshot::empty() }))
    }

    pub(crate) fn of(snapshot: Snapshot) -> Self {
        Self { policy: Policy::compile(&snapshot), snapshot }
    }

    /// What it would be with the objects of `file`.
    pub(crate) fn with(&self, file: &str) -> Result<Self, Failure> {
        let changes = manifest::read_one(file)?;
        let mut snapshot = self.snapshot.clone();
        for change in changes {
            let place = snapshot.objects.iter_mut().find(|object| object.reference() == change.reference());
            match place {
                Some(object) => *object = change,
                None => snapshot.objects.push(change),
            }
        }
        // Secrets and issuers are not looked at here, and applying says what is wrong with them.
        let judged = |kind: Kind| matches!(kind, Kind::Profile | Kind::Project);
        let wrong = validate(&snapshot).into_iter().filter(|violation| judged(violation.object.kind));
        let wrong: Vec<String> = wrong.map(|violation| violation.to_string()).collect();
        if !wrong.is_empty() {
            return Err(Failure::usage(format!("`{file}` would not be a valid configuration")).details(wrong));
        }
        Ok(Self::of(snapshot))
    }

    pub(crate) fn users(&self) -> impl Iterator<Item = &Name> {
        self.snapshot.users().map(|(name, _)| name)
    }

    /// Who `user` is; one that is not there may use nothing.
    pub(crate) fn who<'a>(&self, user: Option<&'a Name>) -> Who<'a> {
        let known = self.snapshot.users().find(|(name, _)| Some(*name) == user);
        match (user, known) {
            (Some(name), Some((_, spec))) => Who::User { name, admin: spec.roles.contains(&Role::Admin) },
            _ => Who::Nobody,
        }
    }

    pub(crate) fn profile(&self, name: &Name) -> Option<&ProfileSpec> {
        self.snapshot.profiles().find(|(profile, _)| *profile == name).map(|(_, spec)| spec)
    }

    /// The servers that `project` has profiles of; without one, all.
    pub(crate) fn servers_of(&self, project: Option<&str>) -> BTreeSet<&Name> {
        let Some(project) = project else {
            return self.snapshot.servers().map(|(name, _)| name).collect();
        };
        let specs = self.snapshot.projects().filter(|(name, _)| name.as_str() == project);
        let profiles = specs.flat_map(|(_, spec)| &spec.profiles);
        profiles.filter_map(|profile| self.profile(profile)).map(|spec| &spec.server).collect()
    }

    /// What `name` may mean for clients of a server that is called `server` and `prefix`es its names: the server's own
    /// names it may stand for.
    pub(crate) fn own_names(&self, server: &Name, name: &str) -> Vec<String> {
        let spec = self.snapshot.servers().find(|(known, _)| *known == server).map(|(_, spec)| spec);
        let prefix = spec.map_or("", |spec| spec.prefix_for(server));
        let bare = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).filter(|_| !prefix.is_empty());
        bare.into_iter().chain([name]).map(str::to_owned).collect()
    }

    /// Whether what is asked is allowed, and by which profile; else why not.
    pub(crate) fn decide(&self, request: &Request<'_>) -> Result<Option<Name>, String> {
        let decided = self.policy.decide(request);
        decided.map(|profile| profile.cloned()).map_err(|denial| denial.to_string())
    }
}

impl Reported {
    pub(crate) async fn fetch(client: &Client) -> Result<Self, Failure> {
        Ok(Self(client.serving_gateways().await?))
    }

    /// The tools of `server`.
    pub(crate) fn tools(&self, server: &Name) -> &[ToolStatus] {
        grants::status_of(&self.0, server).map_or(&[], |status| &status.tools)
    }

    /// What the schema of a tool declares.
    pub(crate) fn declared(&self, meant: &Meant) -> Option<Arc<Declared>> {
        let tool = self.tools(&meant.server).iter().find(|tool| tool.name == meant.own)?;
        tool.arguments.clone().map(Arc::new)
    }

    /// The tools that clients call `name`, else those whose own name it is, at `servers`.
    pub(crate) fn find(&self, servers: &BTreeSet<&Name>, name: &str) -> Vec<Meant> {
        let matching = |field: fn(&ToolStatus) -> &str| -> Vec<Meant> {
            let of = |server: &Name| {
                let tools = self.tools(server).iter().filter(|tool| field(tool) == name);
                tools.map(|tool| Meant { server: server.clone(), own: tool.name.clone() }).collect::<Vec<_>>()
            };
            servers.iter().flat_map(|server| of(server)).collect()
        };
        let exposed = matching(|tool| &tool.exposed);
        if exposed.is_empty() { matching(|tool| &tool.name) } else { exposed }
    }
}
