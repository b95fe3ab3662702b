//! Tools that take their time: tasks for clients that know the tasks extension.

use rmcp::{
    ErrorData,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, CreateTaskResult, InputRequest,
    },
    task_manager::{TaskContext, TaskExit, TaskManager, TaskOptions},
};
use serde_json::{Value, json};

use crate::{
    made::{complete, form, made, text},
    rounds,
    telling::pause,
};

/// Those that run as tasks; of each, whether it runs as nothing else.
const JOBS: [(&str, bool); 6] = [
    ("slow_compute", false),
    ("failing_job", true),
    ("protocol_error_job", false),
    ("confirm_delete", true),
    ("multi_input", true),
    ("test_tool_with_task", true),
];
/// How long the quick ones take.
const WORK_MS: u64 = 200;

/// What the tool that `request` calls answers; none if it is none of these.
pub(crate) async fn run(
    request: &CallToolRequestParams,
    declared: &ClientCapabilities,
    tasks: &TaskManager,
) -> Option<Result<CallToolResponse, ErrorData>> {
    if request.name == "greet" {
        return Some(text(format!("Hello, {}!", given(request, "name"))).map(Into::into));
    }
    let (name, only_task) = JOBS.into_iter().find(|(name, _)| *name == request.name)?;
    if only_task && !declared.supports_tasks() {
        let required = ClientCapabilities::builder().enable_tasks().build();
        return Some(Err(ErrorData::missing_required_client_capability(required)));
    }
    if let ("test_tool_with_task", None) = (name, user_name(request)) {
        let question = rounds::elicit("What is your name?", form(json!({"name": {"type": "string"}})));
        return Some(rounds::asks(json!({ "user_name": question }), None).map(Into::into));
    }
    let request = request.clone();
    if !declared.supports_tasks() {
        return Some(without_task(&request).await.map(Into::into));
    }
    let task = tasks.spawn(TaskOptions::default(), move |task| Box::pin(async move { work(&request, &task).await }));
    Some(Ok(CallToolResponse::Task(CreateTaskResult::new(task))))
}

async fn work(request: &CallToolRequestParams, task: &TaskContext) -> Result<CallToolResult, TaskExit> {
    match request.name.as_ref() {
        "confirm_delete" => {
            let file = given(request, "filename");
            let answer =
                task.request_input("confirm", question(&format!("Delete {file}?"), "confirm", "boolean")?).await?;
            let confirmed = answer.pointer("/content/confirm").and_then(Value::as_bool).unwrap_or_default();
            Ok(text(format!("{file}: deletion confirmed: {confirmed}"))?)
        }
        "multi_input" => {
            // Both at once: they may be answered one by one.
            let name = task.request_input("name", question("Who are you?", "value", "string")?);
            let place = task.request_input("place", question("Where are you?", "value", "string")?);
            tokio::try_join!(name, place)?;
            Ok(text("Thank you.")?)
        }
        _ => tokio::select! {
            () = task.cancelled() => Err(TaskExit::Cancelled),
            result = without_task(request) => Ok(result?),
        },
    }
}

/// Those that ask nothing.
async fn without_task(request: &CallToolRequestParams) -> Result<CallToolResult, ErrorData> {
    match request.name.as_ref() {
        "slow_compute" => {
            let seconds = request.arguments.as_ref().and_then(|arguments| arguments.get("seconds")?.as_u64());
            let seconds = seconds.unwrap_or(1);
            pause(seconds.saturating_mul(1_000)).await;
            text(format!("{} was computed in {seconds} seconds", given(request, "label")))
        }
        "protocol_error_job" => {
            pause(WORK_MS).await;
            Err(ErrorData::internal_error("this job fails in its protocol", None))
        }
        "failing_job" => {
            pause(WORK_MS).await;
            complete(json!({"content": [{"type": "text", "text": "This job fails."}], "isError": true}))
        }
        _ => text(format!("Hello, {}!", user_name(request).unwrap_or_default())),
    }
}

fn question(message: &str, field: &str, kind: &str) -> Result<InputRequest, ErrorData> {
    made(rounds::elicit(message, form(json!({ field: {"type": kind} }))))
}

fn user_name(request: &CallToolRequestParams) -> Option<&str> {
    rounds::accepted(request.input_responses.as_ref(), "user_name", "name")?.as_str()
}

fn given<'a>(request: &'a CallToolRequestParams, name: &str) -> &'a str {
    request.arguments.as_ref().and_then(|arguments| arguments.get(name)?.as_str()).unwrap_or_default()
}
