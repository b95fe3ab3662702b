//! Every bound of the data path: a name, a unit, a default.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Local gateways that one user may have enrolled at once; enforced by the control plane ([`crate::laptop`]).
pub const LAPTOPS_PER_USER_MAX: usize = 8;

/// Bounds a gateway enforces. They travel in the snapshot, so that a company sets them in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest request body, in bytes.
    pub body_bytes_max: u64,
    /// Deepest nesting of a request body.
    pub json_depth_max: u32,
    /// Longest request URI, in bytes.
    pub uri_bytes_max: u32,
    /// Names and values of all headers of a request together, in bytes.
    pub header_bytes_max: u32,
    /// Headers of a request.
    pub headers_max: u32,
    /// Time for a client to send the request line and the headers of a connection's first request, in milliseconds.
    pub header_read_timeout_ms: u64,
    /// Time from one request of a connection to having the headers of the next, in milliseconds. Longer than clients keep a
    /// connection that they may use again (90 s in Go and reqwest): what they send must not cross with its end.
    pub connection_idle_timeout_ms: u64,
    /// Time for a client to send one request body, in milliseconds.
    pub body_read_timeout_ms: u64,
    /// Time for a client to take one piece of an answer, in milliseconds.
    pub write_timeout_ms: u64,
    /// Exchanges at once; beyond it requests wait, and beyond that clients get 503 with `Retry-After`.
    pub exchanges_max: u32,
    /// Requests that wait for an exchange to end; each user's turn comes as often as any other's.
    pub exchanges_waiting_max: u32,
    /// Time a request waits for an exchange to end, in milliseconds.
    pub exchanges_wait_timeout_ms: u64,
    /// Exchanges at once of one user; beyond it the user gets 429 with `Retry-After`.
    pub principal_calls_at_once_max: u32,
    /// Exchanges begun in a minute by one user, who may save up as many.
    pub principal_calls_per_minute_max: u32,
    /// Streams at once on which one user listens.
    pub principal_streams_max: u32,
    /// Legacy sessions at once of one user.
    pub principal_sessions_max: u32,
    /// Use of the memory the gateway may have from which on it begins nothing large, in percent.
    pub memory_tight_percent: u32,
    /// Use of the memory the gateway may have from which on it begins nothing, in percent.
    pub memory_full_percent: u32,
    /// Use of the descriptors the gateway may have from which on it begins nothing, in percent.
    pub descriptors_full_percent: u32,
    /// Legacy sessions at once; beyond it `initialize` gets 503.
    pub sessions_max: u32,
    /// A legacy session unused for this long is forgotten, in milliseconds.
    pub session_idle_timeout_ms: u64,
    /// Messages in one batch of a 2025-03-26 client.
    pub batch_messages_max: u32,
    /// Bytes of events kept per legacy session, to be told again to a client that lost its connection.
    pub replay_bytes_max: u64,
    /// Time such events are kept after their stream ended, in milliseconds.
    pub replay_timeout_ms: u64,
    /// Rounds of questions (`input_required`) one call of a legacy client may take.
    pub question_rounds_max: u32,
    /// Time a person has to answer a question, in milliseconds.
    pub question_timeout_ms: u64,
    /// Entries in one page of a merged list.
    pub list_page_entries_max: u32,
    /// Resources one `subscriptions/listen`, or one legacy session, may watch.
    pub subscriptions_max: u32,
    /// Sessions (or processes) open at once at one upstream that keeps them per caller; the least used one makes room.
    pub upstream_sessions_max: u32,
    /// A session at an upstream that nobody used for this long is ended, in milliseconds.
    pub upstream_session_idle_timeout_ms: u64,
    /// Calls at once that wait for an answer to a question of their legacy server.
    pub parked_calls_max: u32,
    /// Time the id of a task is good for whose server does not say how long it keeps the task, in milliseconds.
    pub task_id_lifetime_ms: u64,
    /// Requests at once at one upstream; beyond it they are refused, so that none takes the places of all others.
    pub upstream_calls_at_once_max: u32,
    /// Failures in a row after which an upstream is left alone for a while.
    pub upstream_failures_max: u32,
    /// Time a failing upstream is left alone before it is tried again once, in milliseconds.
    pub upstream_rest_ms: u64,
    /// Time without any answer after which an upstream with all its requests taken counts as failing, in milliseconds.
    pub upstream_silence_timeout_ms: u64,
    /// Time to connect to an upstream, in milliseconds.
    pub upstream_connect_timeout_ms: u64,
    /// Time for an upstream to answer one call, in milliseconds.
    pub upstream_call_timeout_ms: u64,
    /// Time for an upstream to answer a list that is merged with others, in milliseconds; a slower one is left out.
    pub upstream_list_timeout_ms: u64,
    /// Time for an upstream to answer the probe of its era and its handshake, in milliseconds.
    pub upstream_open_timeout_ms: u64,
    /// Largest single message from an upstream that is held whole, in bytes.
    pub upstream_message_bytes_max: u64,
    /// Results from this size on that nobody has to look into are passed on while they come, in bytes.
    pub reply_stream_bytes_min: u64,
    /// Largest result that is passed on while it comes, in bytes.
    pub reply_stream_bytes_max: u64,
    /// Age at which a server's lists are fetched anew, in milliseconds.
    pub list_ttl_ms: u64,
    /// Pages followed in one list of one server.
    pub list_pages_max: u32,
    /// All pages of one list of one server together, in bytes; what comes after is left out.
    pub list_bytes_max: u64,
    /// Longest definition of one tool, in bytes; a longer one is offered to nobody.
    pub definition_bytes_max: u64,
    /// First wait before a dead child process is started again, in milliseconds; doubles up to `restart_backoff_max_ms`.
    pub restart_backoff_ms: u64,
    /// Longest wait before a dead child process is started again, in milliseconds.
    pub restart_backoff_max_ms: u64,
    /// Time after which reading untrusted text, or private data, is forgotten where a project keeps flows apart, in
    /// milliseconds.
    pub flow_window_ms: u64,
    /// Age of a configuration that the control plane did not confirm from which on writing is refused, where a profile does
    /// not say otherwise, in milliseconds.
    pub stale_writes_after_ms: u64,
    /// The same for reading, where a profile says that it is refused at all, in milliseconds.
    pub stale_reads_after_ms: u64,
    /// Time that running exchanges and streams get to end when the gateway is drained, in milliseconds.
    pub drain_timeout_ms: u64,
    /// Audit records waiting for the disk; beyond it calls wait, and nothing is forwarded.
    pub audit_queue_max: u32,
    /// Longest time that audit records which no call waits for (`--audit-mode relaxed`) wait to be written with others, in
    /// milliseconds.
    pub audit_linger_ms: u64,
    /// Audit records after which a signed checkpoint follows at once.
    pub audit_checkpoint_records_max: u32,
    /// Longest time an audit record waits for its checkpoint, in milliseconds.
    pub audit_checkpoint_interval_ms: u64,
    /// Longest time without a checkpoint when nothing happens, in milliseconds.
    pub audit_checkpoint_idle_ms: u64,
    /// Time for the record of what is about to be forwarded to reach the disk, in milliseconds; beyond it nothing is.
    pub audit_intent_timeout_ms: u64,
    /// Results waiting for relevance judgement; beyond it they are passed on whole, and say so.
    pub relevance_queue_max: u32,
    /// Time a result that was shortened is kept whole, in milliseconds; 0: not at all.
    pub originals_lifetime_ms: u64,
    /// Whole results held in memory, in bytes; beyond it the oldest go to the disk.
    pub originals_memory_bytes_max: u64,
    /// Whole results held on disk, in bytes; beyond it the oldest are forgotten.
    pub originals_disk_bytes_max: u64,
    /// Whole results held for one user, in bytes; beyond it the user's oldest are forgotten.
    pub originals_principal_bytes_max: u64,
    /// Whole results held at once; beyond it the oldest are forgotten.
    pub originals_max: u32,
}

impl Limits {
    /// Whether nothing was said about them.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 4 << 20,
            json_depth_max: 64,
            uri_bytes_max: 8 << 10,
            header_bytes_max: 16 << 10,
            headers_max: 100,
            header_read_timeout_ms: 10_000,
            connection_idle_timeout_ms: 120_000,
            body_read_timeout_ms: 30_000,
            write_timeout_ms: 60_000,
            exchanges_max: 1_024,
            exchanges_waiting_max: 1_024,
            exchanges_wait_timeout_ms: 2_000,
            principal_calls_at_once_max: 64,
            principal_calls_per_minute_max: 6_000,
            principal_streams_max: 64,
            principal_sessions_max: 1_000,
            memory_tight_percent: 92,
            memory_full_percent: 95,
            descriptors_full_percent: 90,
            sessions_max: 10_000,
            session_idle_timeout_ms: 3_600_000,
            batch_messages_max: 100,
            replay_bytes_max: 4 << 20,
            replay_timeout_ms: 60_000,
            question_rounds_max: 8,
            question_timeout_ms: 600_000,
            list_page_entries_max: 1_000,
            subscriptions_max: 1_000,
            upstream_sessions_max: 256,
            upstream_session_idle_timeout_ms: 600_000,
            parked_calls_max: 1_024,
            task_id_lifetime_ms: 2_592_000_000,
            upstream_calls_at_once_max: 256,
            upstream_failures_max: 5,
            upstream_rest_ms: 5_000,
            upstream_silence_timeout_ms: 5_000,
            upstream_connect_timeout_ms: 5_000,
            upstream_call_timeout_ms: 120_000,
            upstream_list_timeout_ms: 10_000,
            upstream_open_timeout_ms: 30_000,
            upstream_message_bytes_max: 64 << 20,
            reply_stream_bytes_min: 1 << 20,
            reply_stream_bytes_max: 1 << 30,
            list_ttl_ms: 60_000,
            list_pages_max: 100,
            list_bytes_max: 16 << 20,
            definition_bytes_max: 256 << 10,
            restart_backoff_ms: 500,
            restart_backoff_max_ms: 60_000,
            flow_window_ms: 3_600_000,
            stale_writes_after_ms: 3_600_000,
            stale_reads_after_ms: 86_400_000,
            drain_timeout_ms: 30_000,
            audit_queue_max: 4_096,
            audit_linger_ms: 5,
            audit_checkpoint_records_max: 1_000,
            audit_checkpoint_interval_ms: 1_000,
            audit_checkpoint_idle_ms: 60_000,
            audit_intent_timeout_ms: 30_000,
            relevance_queue_max: 64,
            originals_lifetime_ms: 3_600_000,
            originals_memory_bytes_max: 64 << 20,
            originals_disk_bytes_max: 512 << 20,
            originals_principal_bytes_max: 256 << 20,
            originals_max: 10_000,
        }
    }
}
