//! The filter that seals: states of unfinished calls and ids of tasks leave the gateway sealed and come back opened.
//!
//! A state is good for the user who got it, for the same request to the same server, and for a time; a task's id for its
//! user, and for as long as the server keeps the task. What does not open is refused with one sentence, whatever the
//! reason. Deliberately unknown here: what a server puts into a state.

use crate::seal::{Bound, Sealer};
use control_plane_api::name::Name;
use filters::{Cause, Exchange, Filter, LocalReply, Target, Verdict};
use http::StatusCode;
use protocol::{Members, Mention, Message, RpcError, code, meta, method};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use std::{
    ops::ControlFlow,
    sync::{Arc, LazyLock},
    time::Duration,
};

/// Ties messages to a task (2025-11-25 basic/utilities/tasks).
const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";
/// Parameters that differ from round to round of one request.
const OF_ROUNDS: [&str; 3] = ["_meta", "inputResponses", "requestState"];
/// Time a state outlives the patience of who waits for it.
const MARGIN: Duration = Duration::from_secs(60);
/// Time the id of a task outlives the time the server said it would keep the task: it may keep it longer, and say so only
/// later, and the id that clients compare cannot change.
const TASK_MARGIN: Duration = Duration::from_secs(3_600);

/// See the module.
pub struct Sealing {
    sealer: Arc<Sealer>,
    state_lifetime: Duration,
    task_lifetime: Duration,
}

/// The content of a sealed state.
#[derive(Serialize, Deserialize)]
struct State {
    server: Name,
    digest: [u8; 32],
    state: Box<RawValue>,
}

/// The content of a sealed task id.
#[derive(Serialize, Deserialize)]
struct Task {
    server: Name,
    id: String,
}

impl Sealing {
    /// States are good for as long as a person may take to answer (`patience`), ids of tasks for `task_lifetime` where the
    /// server does not say how long it keeps them.
    #[must_use]
    pub fn new(sealer: Arc<Sealer>, patience: Duration, task_lifetime: Duration) -> Self {
        Self { sealer, state_lifetime: patience.saturating_add(MARGIN), task_lifetime }
    }

    fn open_state(&self, exchange: &mut Exchange) -> Result<(), LocalReply> {
        let digest = digest(exchange);
        exchange.sealed.digest = Some(digest);
        let Some(given) = exchange.request.params.get("requestState") else {
            return Ok(());
        };
        let sealed: Option<String> = serde_json::from_str(given.get()).ok();
        let opened = sealed.and_then(|sealed| self.sealer.open(bound("request-state", exchange), &sealed));
        let state: Option<State> = opened.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let server = exchange.target.as_ref().map(|target| &target.server);
        match state.filter(|state| state.digest == digest && Some(&state.server) == server) {
            Some(state) => {
                exchange.request.params.set_raw("requestState", state.state);
                Ok(())
            }
            None => Err(refused(
                "`requestState` is not valid: it has expired, was changed, or belongs to another request; call again without it",
            )),
        }
    }

    fn task(&self, exchange: &Exchange, sealed: &str) -> Option<Task> {
        serde_json::from_slice(&self.sealer.open(bound("task", exchange), sealed)?).ok()
    }

    /// The tasks a listen wants to hear of. One that is not known is not heard of, and the acknowledgement says so.
    fn open_watched(&self, exchange: &mut Exchange) {
        if exchange.affinity.is_some() || !meta::declares_tasks(&exchange.request.params) {
            return;
        }
        let wanted = exchange.request.params.object("notifications").unwrap_or_default();
        let ids: Vec<String> = wanted.read(method::TASK_IDS).unwrap_or_default();
        let opened = |sealed: String| {
            let task = self.task(exchange, &sealed)?;
            Some((sealed, Target::new(task.server, task.id)))
        };
        exchange.sealed.tasks = ids.into_iter().filter_map(opened).collect();
    }

    fn open_task(&self, exchange: &mut Exchange) -> Result<(), LocalReply> {
        if exchange.affinity.is_none() {
            knows_tasks(exchange)?;
        }
        let sealed: String = exchange.request.params.read("taskId").unwrap_or_default();
        let task =
            self.task(exchange, &sealed).ok_or_else(|| refused("the task is not known, or not known any more"))?;
        exchange.request.params.set("taskId", &task.id);
        let target = Target::new(task.server, task.id);
        exchange.target = Some(target.clone());
        exchange.sealed.tasks = vec![(sealed, target)];
        Ok(())
    }

    /// The members of `result`, or of a notification's parameters, with what they hold sealed.
    fn seal(&self, exchange: &mut Exchange, members: &mut Members) {
        let Some(server) = exchange.target.as_ref().map(|target| target.server.clone()) else {
            return;
        };
        let asks = members.read::<String>("resultType").as_deref() == Some("input_required");
        if let (true, Some(state), Some(digest)) = (asks, members.get("requestState"), exchange.sealed.digest) {
            let state = State { server: server.clone(), digest, state: state.to_owned() };
            let content = serde_json::to_vec(&state).unwrap_or_default();
            let sealed = self.sealer.seal(bound("request-state", exchange), &content, self.state_lifetime);
            members.set("requestState", &sealed);
        }
        self.seal_task(exchange, &server, members);
        if let Some(mut task) = members.object("task") {
            self.seal_task(exchange, &server, &mut task);
            members.set("task", &task);
        }
        let mut meta = meta::of(members);
        if let Some(mut related) = meta.object(RELATED_TASK) {
            self.seal_task(exchange, &server, &mut related);
            meta.set(RELATED_TASK, &related);
            members.set("_meta", &meta);
        }
    }

    /// The id the client has already stays the one it has: clients compare them.
    fn seal_task(&self, exchange: &mut Exchange, server: &Name, members: &mut Members) {
        let Some(id) = members.read::<String>("taskId") else {
            return;
        };
        let task = Target::new(server.clone(), id);
        if let Some((sealed, _)) = exchange.sealed.tasks.iter().find(|(_, known)| *known == task) {
            return members.set("taskId", sealed);
        }
        let content = Task { server: task.server.clone(), id: task.name.clone() };
        let content = serde_json::to_vec(&content).unwrap_or_default();
        let lifetime = lifetime(members).unwrap_or(self.task_lifetime);
        let sealed = self.sealer.seal(bound("task", exchange), &content, lifetime);
        members.set("taskId", &sealed);
        // A call begins one task; a server that names more has nobody who knows them.
        if exchange.sealed.tasks.is_empty() {
            exchange.sealed.tasks.push((sealed, task));
        }
    }
}

impl Filter for Sealing {
    fn name(&self) -> &'static str {
        "sealing"
    }

    /// Whatever is sealed stands at the rim; a result that asks is never passed on while it comes.
    fn needs_whole(&self, _exchange: &Exchange) -> bool {
        false
    }

    fn admit(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        let opened = match exchange.request.method.as_str() {
            name if method::is_about_task(name) => self.open_task(exchange),
            method::LISTEN => {
                self.open_watched(exchange);
                Ok(())
            }
            // Any server may ask back, also for methods nobody here knows.
            _ if exchange.target.is_some() => self.open_state(exchange),
            _ => Ok(()),
        };
        opened.map_or_else(ControlFlow::Break, ControlFlow::Continue)
    }

    fn amend(&self, exchange: &mut Exchange, message: &mut Message) -> Verdict {
        match message {
            Message::Notification(note) => self.seal(exchange, &mut note.params),
            Message::Response(response) => {
                if may_hold_seals(&response.payload)
                    && let Some(mut result) = response.result()
                {
                    self.seal(exchange, &mut result);
                    response.payload = Ok(result.to_raw());
                }
            }
            Message::Request(_) => {}
        }
        Verdict::Pass
    }
}

/// Whether there is anything to seal in a result: large ones are not taken apart in vain.
fn may_hold_seals<E>(payload: &Result<Box<RawValue>, E>) -> bool {
    static SEALED: LazyLock<Mention> = LazyLock::new(|| Mention::of(&["requestState", "taskId"]));
    payload.as_ref().is_ok_and(|raw| SEALED.is_in(raw))
}

/// Time the id of a task is good for whose server says in `members` how long it keeps the task (`ttl` in 2025-11-25).
fn lifetime(members: &Members) -> Option<Duration> {
    let kept_ms: u64 = members.read("ttlMs").or_else(|| members.read("ttl"))?;
    Some(Duration::from_millis(kept_ms).saturating_add(TASK_MARGIN))
}

fn bound<'a>(kind: &'static str, exchange: &'a Exchange) -> Bound<'a> {
    Bound { kind, owner: exchange.principal.name().map(Name::as_str) }
}

/// What is asked, by the client's own names: method, primitive and arguments; of a method nobody here knows, everything
/// but what a retry adds.
fn digest(exchange: &Exchange) -> [u8; 32] {
    let params = &exchange.request.params;
    let mut parts = vec![exchange.request.method.as_str()];
    match &exchange.primitive {
        Some(primitive) => parts.extend([primitive.name(), params.get("arguments").map_or("", RawValue::get)]),
        None => {
            let asked = params.iter().filter(|(name, _)| !OF_ROUNDS.contains(name));
            parts.extend(asked.flat_map(|(name, raw)| [name, raw.get()]));
        }
    }
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// Whether a modern client may ask about tasks: it has to declare the extension, and `tasks/result` is none of its methods.
fn knows_tasks(exchange: &Exchange) -> Result<(), LocalReply> {
    let refuse = |status: StatusCode, error: RpcError| {
        let reason = error.message.clone();
        Err(LocalReply { status, headers: Vec::new(), error, reason, cause: Cause::Malformed })
    };
    if exchange.request.method == method::TASKS_RESULT {
        let told = "method `tasks/result` does not belong to this revision";
        return refuse(StatusCode::NOT_FOUND, RpcError::new(code::METHOD_NOT_FOUND, told));
    }
    if meta::declares_tasks(&exchange.request.params) {
        return Ok(());
    }
    let required = serde_json::json!({"requiredCapabilities": {"extensions": {meta::TASKS_EXTENSION: {}}}});
    let error = RpcError::new(code::MISSING_CAPABILITY, "the client has not declared the tasks extension");
    refuse(StatusCode::BAD_REQUEST, error.with_data(&required))
}

fn refused(told: &str) -> LocalReply {
    LocalReply::refusal(Cause::Sealed, code::INVALID_PARAMS, told, told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use filters::testing;
    use protocol::{Id, Response};

    const DECLARED: &str =
        r#""_meta":{"io.modelcontextprotocol/clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}"#;

    fn filter() -> Sealing {
        keeping(Duration::from_secs(60))
    }

    /// Ids of tasks whose server says nothing are good for `task_lifetime`.
    fn keeping(task_lifetime: Duration) -> Sealing {
        Sealing::new(Arc::new(Sealer::new(&[7; 32])), Duration::from_secs(60), task_lifetime)
    }

    fn exchange(user: &str, method: &str, params: &str) -> Exchange {
        let mut exchange = testing::request(method, params);
        exchange.principal = testing::user(user, &[]);
        exchange.target = Some(Target::new("jira".parse().unwrap(), "x"));
        exchange
    }

    async fn answer(filter: &Sealing, exchange: &mut Exchange, result: &str) -> Members {
        let result = serde_json::from_str::<Box<RawValue>>(result).unwrap();
        let mut message = Message::Response(Response::ok(Id::Number(1), result));
        filter.on_message(exchange, &mut message).await;
        let Message::Response(response) = message else { panic!("a response") };
        response.result().unwrap()
    }

    const CALL: &str = r#"{"name":"x","arguments":{"a":1}}"#;

    /// The state that ada gets for `CALL`.
    async fn state(filter: &Sealing) -> String {
        let mut asked = exchange("ada", method::TOOLS_CALL, CALL);
        assert!(filter.on_request(&mut asked).await.is_continue());
        let told = r#"{"resultType":"input_required","inputRequests":{},"requestState":"mine"}"#;
        let state: String = answer(filter, &mut asked, told).await.read("requestState").unwrap();
        assert!(!state.contains("mine"));
        state
    }

    async fn check(filter: &Sealing, user: &str, server: &str, params: &str) -> bool {
        let mut retry = exchange(user, method::TOOLS_CALL, params);
        retry.target = Some(Target::new(server.parse().unwrap(), "x"));
        let passes = filter.on_request(&mut retry).await.is_continue();
        assert_eq!(passes, retry.request.params.read::<String>("requestState").as_deref() == Some("mine"));
        passes
    }

    #[tokio::test]
    async fn a_state_is_good_for_its_user_its_request_and_its_server() {
        let filter = filter();
        let state = state(&filter).await;
        let retry = |state: &str, arguments: &str| {
            format!(r#"{{"name":"x","arguments":{arguments},"inputResponses":{{}},"requestState":"{state}"}}"#)
        };
        assert!(check(&filter, "ada", "jira", &retry(&state, r#"{"a":1}"#)).await);
        assert!(!check(&filter, "bob", "jira", &retry(&state, r#"{"a":1}"#)).await);
        assert!(!check(&filter, "ada", "slack", &retry(&state, r#"{"a":1}"#)).await);
        assert!(!check(&filter, "ada", "jira", &retry(&state, r#"{"a":2}"#)).await);
        assert!(!check(&filter, "ada", "jira", &retry("junk", r#"{"a":1}"#)).await);
        assert!(!check(&filter, "ada", "jira", r#"{"name":"x","arguments":{"a":1},"requestState":7}"#).await);
    }

    #[tokio::test]
    async fn a_state_is_sealed_however_its_name_is_written() {
        let filter = filter();
        let mut asked = exchange("ada", method::TOOLS_CALL, CALL);
        assert!(filter.on_request(&mut asked).await.is_continue());
        let told = r#"{"resultType":"input_required","inputRequests":{},"request\u0053tate":"mine"}"#;
        let state: String = answer(&filter, &mut asked, told).await.read("requestState").unwrap();
        assert!(!state.contains("mine"));
    }

    #[tokio::test]
    async fn a_state_of_a_method_nobody_knows_is_good_for_the_same_parameters() {
        let filter = filter();
        let mut asked = exchange("ada", "things/find", r#"{"of":"x","_meta":{"n":1}}"#);
        assert!(filter.on_request(&mut asked).await.is_continue());
        let told = r#"{"resultType":"input_required","requestState":"mine"}"#;
        let state: String = answer(&filter, &mut asked, told).await.read("requestState").unwrap();
        let passes = async |of: &str| {
            let params = format!(r#"{{"of":"{of}","_meta":{{"n":2}},"inputResponses":{{}},"requestState":"{state}"}}"#);
            let mut retry = exchange("ada", "things/find", &params);
            let passes = filter.on_request(&mut retry).await.is_continue();
            passes && retry.request.params.read::<String>("requestState").as_deref() == Some("mine")
        };
        assert!(passes("x").await && !passes("y").await && !state.contains("mine"));
    }

    #[tokio::test]
    async fn a_tasks_id_leads_back_to_its_server_and_only_for_its_user() {
        let filter = filter();
        let mut asked = exchange("ada", method::TOOLS_CALL, CALL);
        let begun = r#"{"resultType":"task","taskId":"t1","status":"working"}"#;
        let id: String = answer(&filter, &mut asked, begun).await.read("taskId").unwrap();
        let legacy = answer(&filter, &mut asked, r#"{"task":{"taskId":"t1"}}"#).await;
        assert_eq!(legacy.object("task").unwrap().read::<String>("taskId").as_deref(), Some(id.as_str()));
        let params = format!(r#"{{"taskId":"{id}",{DECLARED}}}"#);
        let mut get = exchange("ada", "tasks/get", &params);
        get.target = None;
        assert!(filter.on_request(&mut get).await.is_continue());
        assert_eq!(get.target.unwrap(), Target::new("jira".parse().unwrap(), "t1"));
        assert_eq!(get.request.params.read::<String>("taskId").as_deref(), Some("t1"));
        let code = async |user: &str, method: &str, params: &str| match filter
            .on_request(&mut exchange(user, method, params))
            .await
        {
            ControlFlow::Break(reply) => reply.error.code,
            ControlFlow::Continue(()) => 0,
        };
        assert_eq!(code("bob", "tasks/get", &params).await, code::INVALID_PARAMS);
        let watched = async |user: &str, declared: &str| {
            let params = format!(r#"{{"notifications":{{"taskIds":["{id}","t1"]}},{declared}}}"#);
            let mut listen = exchange(user, method::LISTEN, &params);
            listen.target = None;
            assert!(filter.on_request(&mut listen).await.is_continue());
            listen.sealed.tasks
        };
        let own = Target::new("jira".parse().unwrap(), "t1");
        assert_eq!(watched("ada", DECLARED).await, [(id.clone(), own)]);
        assert_eq!(watched("bob", DECLARED).await, []);
        assert_eq!(watched("ada", r#""_meta":{}"#).await, []);
        assert_eq!(code("ada", "tasks/get", &format!(r#"{{"taskId":"t1",{DECLARED}}}"#)).await, code::INVALID_PARAMS);
        assert_eq!(code("ada", "tasks/get", r#"{"taskId":"t1"}"#).await, code::MISSING_CAPABILITY);
        assert_eq!(code("ada", "tasks/result", &params).await, code::METHOD_NOT_FOUND);
    }

    #[tokio::test]
    async fn a_tasks_id_stays_what_its_client_has() {
        let filter = filter();
        let begun = async || {
            let mut asked = exchange("ada", method::TOOLS_CALL, CALL);
            answer(&filter, &mut asked, r#"{"taskId":"t1"}"#).await.read::<String>("taskId").unwrap()
        };
        let (id, other) = (begun().await, begun().await);
        assert_ne!(id, other);
        let mut get = exchange("ada", "tasks/get", &format!(r#"{{"taskId":"{id}",{DECLARED}}}"#));
        assert!(filter.on_request(&mut get).await.is_continue());
        let told = r#"{"taskId":"t1","_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t1"}}}"#;
        let told = answer(&filter, &mut get, told).await;
        assert_eq!(told.read::<String>("taskId").as_ref(), Some(&id));
        let related = meta::of(&told).object(RELATED_TASK).unwrap();
        assert_eq!(related.read::<String>("taskId").as_ref(), Some(&id));
        let another = answer(&filter, &mut get, r#"{"taskId":"t2"}"#).await.read::<String>("taskId").unwrap();
        assert!(another != id && another != "t2");
    }

    #[tokio::test]
    async fn a_tasks_id_is_good_for_a_time_and_then_as_if_it_had_never_been() {
        let filter = keeping(Duration::ZERO);
        let refusal = async |begun: &str| {
            let mut asked = exchange("ada", method::TOOLS_CALL, CALL);
            let id: String = answer(&filter, &mut asked, begun).await.read("taskId").unwrap();
            let mut get = exchange("ada", "tasks/get", &format!(r#"{{"taskId":"{id}",{DECLARED}}}"#));
            match filter.on_request(&mut get).await {
                ControlFlow::Break(reply) => Some((reply.status, reply.error.code, reply.error.message)),
                ControlFlow::Continue(()) => None,
            }
        };
        assert_eq!(refusal(r#"{"taskId":"t1","ttlMs":1000}"#).await, None, "its server said how long it keeps it");
        let expired = refusal(r#"{"taskId":"t1","ttlMs":null}"#).await;
        let mut unknown = exchange("ada", "tasks/get", &format!(r#"{{"taskId":"t1",{DECLARED}}}"#));
        let ControlFlow::Break(unknown) = filter.on_request(&mut unknown).await else { panic!("a refusal") };
        assert_eq!(expired, Some((unknown.status, unknown.error.code, unknown.error.message)));
    }

    #[test]
    fn a_task_lives_as_long_as_its_server_says_and_a_little_more() {
        let check = |members: &str| lifetime(&serde_json::from_str(members).unwrap());
        assert_eq!(check(r#"{"ttlMs":1000}"#), Some(Duration::from_secs(1) + TASK_MARGIN));
        assert_eq!(check(r#"{"ttl":2000}"#), Some(Duration::from_secs(2) + TASK_MARGIN));
        assert_eq!(check(r#"{"ttlMs":18446744073709551615}"#).map(|time| time > TASK_MARGIN), Some(true));
        for unsaid in ["{}", r#"{"ttl":null}"#, r#"{"ttlMs":-1}"#, r#"{"ttlMs":"long"}"#] {
            assert_eq!(check(unsaid), None, "{unsaid}");
        }
    }

    #[tokio::test]
    async fn other_results_stay_as_they_are() {
        let mut asked = exchange("ada", method::TOOLS_CALL, CALL);
        let told = r#"{"content":[{"type":"text","text":"requestState taskId"}],"n":1.0}"#;
        assert_eq!(answer(&filter(), &mut asked, told).await.to_raw().get(), told);
    }
}
