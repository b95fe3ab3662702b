//! Tools that send notifications while they run, and the one that takes a moment.

use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer,
    model::{CallToolResult, LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam},
    service::RequestContext,
};
use serde_json::json;

use crate::made::text;

/// Between two messages of one call, so that they travel apart.
const STEP_MS: u64 = 50;

/// What the tool `name` answers; none if it is none of these.
pub(crate) async fn tell(name: &str, call: &RequestContext<RoleServer>) -> Option<Result<CallToolResult, ErrorData>> {
    let result = match name {
        "test_tool_with_logging" => {
            for words in ["started", "half way", "done"] {
                log(LoggingLevel::Info, &format!("Tool execution: {words}"), call).await;
                pause(STEP_MS).await;
            }
            text("Three messages were logged.")
        }
        "test_logging_tool" => {
            // Modern clients say per request whether they want any.
            if let Some(level) = call.meta.log_level() {
                log(level, "test_logging_tool ran", call).await;
            }
            text("What was asked for was logged.")
        }
        "test_tool_with_progress" => text(report_progress(call).await),
        "test_reconnection" => {
            pause(2 * STEP_MS).await;
            text("The answer took a moment.")
        }
        _ => return None,
    };
    Some(result)
}

async fn log(level: LoggingLevel, words: &str, call: &RequestContext<RoleServer>) {
    // Whether the client is still there is seen when it is answered.
    let _ = call.peer.notify_logging_message(LoggingMessageNotificationParam::new(level, json!(words))).await;
}

async fn report_progress(call: &RequestContext<RoleServer>) -> &'static str {
    let Some(token) = call.meta.get_progress_token() else {
        return "nobody asked for progress";
    };
    for (progress, message) in [(0.0, "Beginning"), (50.0, "Half way"), (100.0, "Done")] {
        let note = ProgressNotificationParam::new(token.clone(), progress).with_total(100.0).with_message(message);
        let _ = call.peer.notify_progress(note).await;
        pause(STEP_MS).await;
    }
    "progress was reported"
}

#[expect(clippy::disallowed_methods, reason = "these tools are there to take time")]
pub(crate) async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
