//! Who may do what: the one evaluator. The gateway's permission filter asks it for every request, and `mcpctl policy` for
//! what would be.
//!
//! Values in, verdict out. A configuration is compiled once, when it comes into force; a decision about a tool is then a
//! few look-ups, without allocating when it is yes and nothing is asked of arguments. Default deny; a deny wins; what
//! cannot be judged is refused. Deliberately unknown here: exchanges, messages, and what a caller is told.

mod arguments;
mod denial;
mod names;
mod profile;
mod request;
mod stale;

pub use denial::{Denial, Fault, Problem};
pub use request::{Act, Call, Deed, Request, Who, nothing_declared};
pub use stale::{Age, Refused};

use control_plane_api::{
    limits::Limits, name::Name, profile::ProfileSpec, project::ProjectSpec, server::ToolClass, snapshot::Snapshot,
};
use names::Classes;
use profile::Profile;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Whether the profile called `name` by itself grants its user to see the tool `tool`, which is classed `class`.
///
/// # Errors
/// Why it does not.
pub fn grants(name: &Name, spec: &ProfileSpec, tool: &str, class: ToolClass) -> Result<(), Denial> {
    let profile = Profile::compile((name, spec), Arc::new(Classes::all(class)), &Limits::default());
    profile.denies(Deed::See(tool)).map_or_else(|| profile.judge(Deed::See(tool), 0), Err)
}

/// Everything one configuration says about who may do what.
#[derive(Debug, Default)]
pub struct Policy {
    /// In the order of their names.
    projects: Vec<Project>,
    places: HashMap<String, usize>,
}

#[derive(Debug)]
struct Project {
    name: String,
    members: HashSet<Name>,
    /// By server: what the project's profiles say of it.
    grants: HashMap<Name, Vec<Arc<Profile>>>,
}

/// What one profile says of a request.
#[derive(Debug)]
pub struct Considered<'a> {
    /// The project it was considered through.
    pub project: &'a str,
    /// The profile.
    pub profile: &'a Name,
    /// Whether it grants the request, and why not.
    pub verdict: Result<(), Denial>,
}

impl Policy {
    /// Compiles `snapshot`. A reference that leads nowhere grants nothing.
    #[must_use]
    pub fn compile(snapshot: &Snapshot) -> Self {
        let classes: HashMap<&Name, Arc<Classes>> =
            snapshot.servers().map(|(name, spec)| (name, Arc::new(Classes::compile(&spec.tools)))).collect();
        let profile = |(name, spec): (_, &ProfileSpec)| {
            let classes = classes.get(&spec.server)?.clone();
            Some((name, Arc::new(Profile::compile((name, spec), classes, &snapshot.limits))))
        };
        let profiles: HashMap<&Name, Arc<Profile>> = snapshot.profiles().filter_map(profile).collect();
        let mut projects: Vec<Project> =
            snapshot.projects().map(|(name, spec)| Project::compile(name, spec, &profiles)).collect();
        projects.sort_by(|a, b| a.name.cmp(&b.name));
        let places = projects.iter().enumerate().map(|(place, project)| (project.name.clone(), place)).collect();
        Self { projects, places }
    }

    /// Whether `request` is allowed, and by which profile: none for what takes no more than an open project. Without a
    /// project it is allowed if it is through any that is open to the user.
    ///
    /// # Errors
    /// The [`Denial`] that says most about what would have to change.
    pub fn decide(&self, request: &Request<'_>) -> Result<Option<&Name>, Denial> {
        if let Some(name) = request.project {
            return self.open(name, request.who)?.decide(request.act, request.age_ms);
        }
        let mut denial = match request.act {
            Act::Open => return Ok(None),
            Act::Own(name) | Act::Unknown(name) => Denial::NotOffered(name.to_owned()),
            Act::At(server, _) => Denial::NoProfile(server.clone()),
        };
        for project in self.projects.iter().filter(|project| project.is_open_to(request.who)) {
            match project.decide(request.act, request.age_ms) {
                Ok(profile) => return Ok(profile),
                Err(other) => denial = denial.or(other),
            }
        }
        Err(denial)
    }

    /// What every profile says of `request` that is considered for it: those about its server, of the project it names or
    /// of all that are open to the user. [`Self::decide`] allows it if one grants it and, in that one's project, none
    /// denies it.
    #[must_use]
    pub fn consider<'a>(&'a self, request: &Request<'_>) -> Vec<Considered<'a>> {
        let Act::At(server, deed) = request.act else { return Vec::new() };
        let meant = |project: &&Project| request.project.is_none_or(|name| name == project.name);
        let open = self.projects.iter().filter(meant).filter(|project| project.is_open_to(request.who));
        let of = |project: &'a Project| {
            let profiles = project.grants.get(server).into_iter().flatten();
            profiles.map(move |profile| Considered {
                project: &project.name,
                profile: &profile.name,
                verdict: profile.denies(deed).map_or_else(|| profile.judge(deed, request.age_ms), Err),
            })
        };
        open.flat_map(of).collect()
    }

    /// The names of the projects open to `who`, in order.
    pub fn open_to<'a>(&'a self, who: Who<'a>) -> impl Iterator<Item = &'a str> {
        self.projects.iter().filter(move |project| project.is_open_to(who)).map(|project| project.name.as_str())
    }

    fn open(&self, name: &str, who: Who<'_>) -> Result<&Project, Denial> {
        let project = self.places.get(name).and_then(|place| self.projects.get(*place));
        project.filter(|project| project.is_open_to(who)).ok_or_else(|| Denial::Project(name.to_owned()))
    }
}

impl Project {
    fn compile(name: &Name, spec: &ProjectSpec, profiles: &HashMap<&Name, Arc<Profile>>) -> Self {
        let mut grants: HashMap<Name, Vec<Arc<Profile>>> = HashMap::new();
        for profile in spec.profiles.iter().filter_map(|profile| profiles.get(profile)) {
            grants.entry(profile.server.clone()).or_default().push(profile.clone());
        }
        Self { name: name.to_string(), members: spec.members.iter().cloned().collect(), grants }
    }

    fn is_open_to(&self, who: Who<'_>) -> bool {
        match who {
            Who::Nobody => false,
            Who::User { name, admin } => admin || self.members.contains(name),
        }
    }

    fn decide(&self, act: Act<'_>, age_ms: u64) -> Result<Option<&Name>, Denial> {
        let (server, deed) = match act {
            Act::Open | Act::Own(_) => return Ok(None),
            Act::Unknown(name) => return Err(Denial::NotOffered(name.to_owned())),
            Act::At(server, deed) => (server, deed),
        };
        let profiles = self.grants.get(server).map_or(&[][..], Vec::as_slice);
        // A deny is the project's, whichever profile says it.
        if let Some(denial) = profiles.iter().find_map(|profile| profile.denies(deed)) {
            return Err(denial);
        }
        let mut denial: Option<Denial> = None;
        for profile in profiles {
            match profile.judge(deed, age_ms) {
                Ok(()) => return Ok(Some(&profile.name)),
                Err(other) => denial = Some(denial.map_or(other.clone(), |denial| denial.or(other))),
            }
        }
        Err(denial.unwrap_or_else(|| Denial::NoProfile(server.clone())))
    }
}

#[cfg(test)]
mod tests;
