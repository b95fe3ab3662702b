//! The site as it is now: what was generated, plus what was written since. Every write goes into the journal.

use std::sync::{Mutex, MutexGuard, PoisonError};

use e2e::{
    jira_tickets::{Comment, Named, PROJECTS, Person, STATUSES, Site, Status, Ticket},
    mock::Journal,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// Why a tool cannot do what was asked. The model reads this, so each says what to do next.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JiraError {
    #[error("there is no issue `{0}`; jira_search finds the keys")]
    IssueNotFound(String),
    #[error("there is no project `{0}`; jira_get_all_projects names them all")]
    ProjectNotFound(String),
    #[error("there is no status `{0}`; use one of {known}", known = STATUSES.map(|status| status.0).join(", "))]
    StatusNotFound(String),
    #[error("`{0}` is empty")]
    Empty(&'static str),
    #[error("limit `{given}` is not between 1 and {max}")]
    Limit { given: usize, max: usize },
    #[error(transparent)]
    Jql(#[from] e2e::jql::JqlError),
    #[error("the write was done but cannot be recorded: {0}")]
    Journal(#[from] std::io::Error),
}

impl From<JiraError> for String {
    fn from(error: JiraError) -> Self {
        error.to_string()
    }
}

/// A ticket to be created; recorded as it was asked for.
#[derive(Serialize)]
pub(crate) struct NewTicket {
    pub(crate) project_key: String,
    pub(crate) summary: String,
    pub(crate) issue_type: String,
    pub(crate) description: String,
    pub(crate) labels: Vec<String>,
}

/// Shared by all connections of the server.
pub(crate) struct Store {
    site: Mutex<Site>,
    base_url: String,
    journal: Journal,
}

impl Store {
    pub(crate) fn new(site: Site, base_url: String, journal: Journal) -> Self {
        Self { site: Mutex::new(site), base_url, journal }
    }

    /// The site; nobody else reads or writes while it is held.
    pub(crate) fn site(&self) -> MutexGuard<'_, Site> {
        self.site.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates a ticket in the name of the token's owner.
    pub(crate) fn create(&self, new: NewTicket) -> Result<Ticket, JiraError> {
        if new.summary.trim().is_empty() {
            return Err(JiraError::Empty("summary"));
        }
        let known = PROJECTS.iter().find(|(key, _)| key.eq_ignore_ascii_case(&new.project_key));
        let (project, _) = *known.ok_or_else(|| JiraError::ProjectNotFound(new.project_key.clone()))?;
        let arguments = json!(new);
        let mut site = self.site();
        let number = site.tickets.iter().filter(|ticket| ticket.project() == project).count() + 1;
        let key = format!("{project}-{number}");
        let created = now();
        let ticket = Ticket {
            id: (10_001 + site.tickets.len()).to_string(),
            browse_url: format!("{}/browse/{key}", self.base_url),
            key,
            summary: new.summary,
            description: new.description,
            status: Status::named("To Do").ok_or_else(|| JiraError::StatusNotFound("To Do".into()))?,
            issue_type: Named { name: new.issue_type },
            priority: Named { name: "Medium".into() },
            assignee: None,
            reporter: Person::token_owner(),
            labels: new.labels,
            updated: created.clone(),
            created,
            comments: Vec::new(),
        };
        site.tickets.push(ticket.clone());
        self.journal.record("jira_create_issue", &arguments, &json!({"key": ticket.key}))?;
        Ok(ticket)
    }

    /// Comments in the name of the token's owner.
    pub(crate) fn comment(&self, key: &str, body: &str) -> Result<Comment, JiraError> {
        if body.trim().is_empty() {
            return Err(JiraError::Empty("body"));
        }
        let comment = self.change(key, |ticket| {
            let comment = Comment {
                id: format!("{}{}", ticket.id, ticket.comments.len() + 1),
                body: body.to_owned(),
                author: Person::token_owner(),
                created: now(),
            };
            ticket.comments.push(comment.clone());
            comment
        })?;
        self.record("jira_add_comment", json!({"issue_key": key, "body": body}))?;
        Ok(comment)
    }

    /// Moves a ticket to another status.
    pub(crate) fn transition(&self, key: &str, status: &str) -> Result<Ticket, JiraError> {
        let target = Status::named(status).ok_or_else(|| JiraError::StatusNotFound(status.to_owned()))?;
        let ticket = self.change(key, |ticket| {
            ticket.status = target;
            ticket.clone()
        })?;
        self.record("jira_transition_issue", json!({"issue_key": key, "status": status}))?;
        Ok(ticket)
    }

    fn change<T>(&self, key: &str, change: impl FnOnce(&mut Ticket) -> T) -> Result<T, JiraError> {
        let mut site = self.site();
        let ticket = site.tickets.iter_mut().find(|ticket| ticket.key.eq_ignore_ascii_case(key));
        let ticket = ticket.ok_or_else(|| JiraError::IssueNotFound(key.to_owned()))?;
        ticket.updated = now();
        Ok(change(ticket))
    }

    fn record(&self, tool: &str, arguments: Value) -> Result<(), JiraError> {
        Ok(self.journal.record(tool, &arguments, &json!({"ok": true}))?)
    }
}

fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use e2e::{jira_tickets::Site, mock::Journal};

    use super::{JiraError, NewTicket, Store};

    const URL: &str = "https://jira.example.test";

    fn new_ticket(project: &str, summary: &str) -> NewTicket {
        NewTicket {
            project_key: project.into(),
            summary: summary.into(),
            issue_type: "Task".into(),
            description: String::new(),
            labels: Vec::new(),
        }
    }

    #[test]
    fn writes_are_kept_and_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("writes.jsonl");
        let site = Site::generate(URL).unwrap();
        let before = site.tickets.len();
        let store = Store::new(site, URL.into(), Journal::open(Some(&path)).unwrap());
        let key = store.create(new_ticket("web", "Try it")).unwrap().key;
        store.comment(&key, "Works").unwrap();
        store.transition(&key, "done").unwrap();
        let site = store.site();
        let ticket = site.tickets.last().unwrap();
        assert_eq!((site.tickets.len(), ticket.comments.len()), (before + 1, 1));
        assert_eq!((ticket.status.name.as_str(), ticket.project()), ("Done", "WEB"));
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let store = Store::new(Site::generate(URL).unwrap(), URL.into(), Journal::default());
        let check = |outcome: Result<(), JiraError>, says: &str| {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        check(store.create(new_ticket("OPS", "Try it")).map(drop), "`OPS`");
        check(store.create(new_ticket("WEB", " ")).map(drop), "`summary` is empty");
        check(store.comment("WEB-99999", "Hello").map(drop), "`WEB-99999`");
        check(store.transition("WEB-1", "Parked").map(drop), "To Do, In Progress, In Review, Done");
    }
}
