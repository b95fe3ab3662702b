//! The company: servers, profiles, projects and users, the same ones for the same seed, and changes to them as they happen.

use super::Options;
use anyhow::Result;
use control_plane_api::{
    access::{Role, UserSpec},
    name::Name,
    object::{Named, Object},
    pattern::Pattern,
    profile::{AccessLevel, ProfileSpec},
    project::ProjectSpec,
    server::{ServerSpec, Transport},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;

/// Profiles about one server.
const PROFILES_PER_SERVER: usize = 5;
/// Profiles of one project.
const PROFILES_PER_PROJECT: usize = 3;
/// Projects of one user.
const PROJECTS_PER_USER: usize = 2;
/// Tools of one server, each with a rule.
const TOOLS_PER_SERVER: usize = 20;

/// What there is, and what is changed next.
pub(super) struct Company {
    pub(super) servers: Vec<Object>,
    profiles: Vec<Named<ProfileSpec>>,
    projects: Vec<Named<ProjectSpec>>,
    users: Vec<Named<UserSpec>>,
    random: StdRng,
    changes: usize,
}

impl Company {
    pub(super) fn new(options: &Options) -> Result<Self> {
        let mut random = StdRng::seed_from_u64(options.seed);
        let profiles = options.profiles.max(1);
        let servers = profiles.div_ceil(PROFILES_PER_SERVER);
        let users: Vec<_> = (0..options.users).map(user).collect::<Result<_>>()?;
        let mut projects: Vec<_> =
            (0..options.projects.max(1)).map(|number| project(number, profiles)).collect::<Result<_>>()?;
        for user in &users {
            for _ in 0..PROJECTS_PER_USER {
                let number = random.gen_range(0..projects.len());
                let members = projects.get_mut(number).map(|project| &mut project.spec.members);
                members.into_iter().filter(|members| !members.contains(&user.name)).for_each(|members| {
                    members.push(user.name.clone());
                });
            }
        }
        Ok(Self {
            servers: (0..servers).map(server).collect::<Result<_>>()?,
            profiles: (0..profiles).map(|number| profile(number, servers)).collect::<Result<_>>()?,
            projects,
            users,
            random,
            changes: 0,
        })
    }

    /// Names of the secrets that the servers need.
    pub(super) fn secrets(&self) -> impl Iterator<Item = String> {
        (0..self.servers.len()).map(secret)
    }

    /// Everything, in the order in which it can be made.
    pub(super) fn objects(&self) -> Vec<Object> {
        let profiles = self.profiles.iter().cloned().map(Object::Profile);
        let projects = self.projects.iter().cloned().map(Object::Project);
        let users = self.users.iter().cloned().map(Object::User);
        self.servers.iter().cloned().chain(profiles).chain(users).chain(projects).collect()
    }

    /// The first `count` users.
    pub(super) fn some_users(&self, count: usize) -> Vec<Name> {
        self.users.iter().take(count).map(|user| user.name.clone()).collect()
    }

    /// One more change of one object, as it then is: somebody joins or leaves a project, a profile forbids another tool, a user
    /// gets another role.
    pub(super) fn change(&mut self) -> Option<Object> {
        self.changes += 1;
        let mut any = |length: usize| (length > 0).then(|| self.random.gen_range(0..length));
        match self.changes % 4 {
            0 => {
                let profile = any(self.profiles.len()).and_then(|at| self.profiles.get_mut(at))?;
                profile.spec.deny.push(Pattern::from(format!("delete_{}", self.changes).as_str()));
                Some(Object::Profile(profile.clone()))
            }
            1 if !self.users.is_empty() => {
                let user = any(self.users.len()).and_then(|at| self.users.get_mut(at))?;
                let role = if user.spec.roles.contains(&Role::Auditor) { Role::Developer } else { Role::Auditor };
                user.spec.roles = vec![role];
                Some(Object::User(user.clone()))
            }
            _ => {
                let joining = any(self.users.len()).and_then(|at| self.users.get(at)).map(|user| user.name.clone());
                let project = any(self.projects.len()).and_then(|at| self.projects.get_mut(at))?;
                let before = project.spec.members.len();
                project.spec.members.retain(|member| Some(member) != joining.as_ref());
                if project.spec.members.len() == before {
                    project.spec.members.extend(joining);
                }
                project.spec.description = format!("project as of change {}", self.changes);
                Some(Object::Project(project.clone()))
            }
        }
    }
}

fn named<S>(name: &str, spec: S) -> Result<Named<S>> {
    Ok(Named { name: name.parse()?, revision: 0, spec })
}

fn secret(server: usize) -> String {
    format!("server-{server}-token")
}

fn server(number: usize) -> Result<Object> {
    let transport: Transport = serde_json::from_value(json!({
        "type": "http",
        "url": format!("https://server-{number}.tools.example/mcp"),
        "headers": {"authorization": {"secret": secret(number), "prefix": "Bearer "}},
    }))?;
    let rule = |tool: usize| {
        let (verb, class) = if tool.is_multiple_of(4) { ("update", "write") } else { ("get", "read") };
        json!({"tool": format!("{verb}_record_{tool}"), "class": class})
    };
    let tools: Vec<_> = (0..TOOLS_PER_SERVER).map(rule).collect();
    let spec = ServerSpec {
        description: format!("records of department {number}"),
        tools: serde_json::from_value(json!(tools))?,
        ..ServerSpec::new(transport)
    };
    Ok(Object::Server(named(&format!("server-{number}"), spec)?))
}

fn profile(number: usize, servers: usize) -> Result<Named<ProfileSpec>> {
    let spec: ProfileSpec = serde_json::from_value(json!({
        "server": format!("server-{}", number % servers.max(1)),
        "description": format!("what team {number} may do"),
        "allow": ["get_*", format!("update_record_{}", number % TOOLS_PER_SERVER)],
    }))?;
    named(&format!("profile-{number}"), ProfileSpec { access: AccessLevel::ReadWrite, ..spec })
}

fn project(number: usize, profiles: usize) -> Result<Named<ProjectSpec>> {
    let names =
        (0..PROFILES_PER_PROJECT.min(profiles)).map(|at| format!("profile-{}", (number + at) % profiles).parse());
    let spec = ProjectSpec {
        description: format!("project number {number}"),
        profiles: names.collect::<Result<_, _>>()?,
        ..ProjectSpec::default()
    };
    named(&format!("project-{number}"), spec)
}

fn user(number: usize) -> Result<Named<UserSpec>> {
    named(&format!("user-{number}"), UserSpec { roles: vec![Role::Developer], ..UserSpec::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use control_plane_api::{secret::SecretSpec, snapshot::Snapshot, validate::validate};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn the_company_is_valid_and_the_same_for_the_same_seed_and_stays_so() {
        let line = ["fleet", "--projects", "7", "--users", "30", "--profiles", "12"];
        let options = Line::try_parse_from(line).unwrap().options;
        let (mut company, mut twin) = (Company::new(&options).unwrap(), Company::new(&options).unwrap());
        for _ in 0..20 {
            assert_eq!(company.change(), twin.change());
            let mut objects = company.objects();
            let secret = |name: String| named(&name, SecretSpec { sealed: String::new() }).unwrap();
            objects.extend(company.secrets().map(secret).map(Object::Secret));
            assert_eq!(validate(&Snapshot { objects, ..Snapshot::empty() }), []);
        }
        assert_eq!(company.objects().len(), 3 + 12 + 30 + 7);
    }
}
