//! A long result on its way to the client: piece by piece, as fast as the client takes them.
//!
//! Its rim passes the filters and is put into words like any result; of the rest nobody decides anything. The last piece
//! leaves once the outcome is durable: a client that has all of it is one whose exchange was written down.

use super::{Client, Outgoing, Pipeline, outcome_of};
use crate::{
    record::Record,
    translation,
    upstream::{
        Long,
        long::{HEAD, Part, spliced},
    },
};
use bytes::Bytes;
use control_plane_api::audit::Outcome;
use filters::{Exchange, Verdict};
use protocol::{Members, Message, Response, RpcError, code};

/// How far a result came.
enum End {
    /// To its end, which is this.
    Complete(Outcome, Bytes),
    /// Not that far.
    BrokenOff,
    /// Nobody takes it any more.
    Abandoned,
}

impl Pipeline {
    /// Whether a long result of `exchange` may pass while it comes: no filter has to see it whole, and neither has the edge,
    /// which puts results into the words of older revisions for the sessions of their clients.
    pub(super) fn passes(&self, exchange: &Exchange) -> bool {
        exchange.affinity.is_none() && !self.chain.needs_whole(exchange)
    }

    /// Passes `long` on, and closes the record.
    pub(super) async fn relay(&self, mut record: Record, mut long: Long, client: Client) {
        let (rim, outcome) = match self.rim(&mut record.exchange, long.rim()).await {
            Ok(rim) => rim,
            Err(error) => return self.finish(record, Err(error), client).await,
        };
        *long.rim() = rim;
        let id = serde_json::to_string(&record.exchange.request.id).unwrap_or_default();
        let head = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{HEAD}{}"#, spliced(long.rim()));
        let end = match pass(&mut record, &client, head.into()).await {
            true => self.pieces(&mut record, &mut long, &client).await,
            false => End::Abandoned,
        };
        // What was read of the server's answer is known to be its end, or given up.
        drop(long);
        let (outcome, last) = match end {
            End::Complete(late, last) => (if late == Outcome::Ok { outcome } else { late }, Some(last)),
            End::BrokenOff => (if record.passed_bytes() > 0 { Outcome::Partial } else { Outcome::Error }, None),
            // The record says so when it is dropped.
            End::Abandoned => return,
        };
        self.metrics.operation(record.method(), outcome, record.elapsed());
        record.passed(last.as_deref().unwrap_or_default());
        let bytes = record.passed_bytes();
        // Without a durable record it is not completed either: a client that misses the last piece has nothing.
        if let (Ok(()), Some(bytes)) = (record.close(outcome, bytes).await, last) {
            super::send(&client, Outgoing::Piece { bytes, last: true }).await;
        }
    }

    async fn pieces(&self, record: &mut Record, long: &mut Long, client: &Client) -> End {
        loop {
            match long.next().await {
                Some(Ok(Part::Piece(piece))) => {
                    if !pass(record, client, piece).await {
                        return End::Abandoned;
                    }
                }
                Some(Ok(Part::Rim(mut rim))) => match self.rim(&mut record.exchange, &mut rim).await {
                    Ok((rim, outcome)) => return End::Complete(outcome, format!("{}}}}}", spliced(&rim)).into()),
                    Err(error) => return broken_off(record, &error.message),
                },
                Some(Err(error)) => return broken_off(record, &error.to_string()),
                None => return broken_off(record, "the server ended without an answer"),
            }
        }
    }

    /// `rim` as the client may have it, and what it says about the outcome.
    async fn rim(&self, exchange: &mut Exchange, rim: &mut Members) -> Result<(Members, Outcome), RpcError> {
        let unusable = || RpcError::new(code::INTERNAL_ERROR, "the server's answer may not pass");
        let id = exchange.request.id.clone();
        let mut message = Message::Response(Response::ok(id, std::mem::take(rim).to_raw()));
        if self.chain.on_message(exchange, &mut message).await == Verdict::Drop {
            return Err(unusable());
        }
        let Message::Response(response) = message else { return Err(unusable()) };
        let payload = translation::of(exchange, response.payload);
        let outcome = outcome_of(&payload);
        let rim = Members::open(&payload?).map_err(|_| unusable())?;
        Ok((rim, outcome))
    }
}

/// Gives the client a piece that is not the last; whether there is a client.
async fn pass(record: &mut Record, client: &Client, bytes: Bytes) -> bool {
    record.passed(&bytes);
    client.send(Outgoing::Piece { bytes, last: false }).await.is_ok()
}

/// The client can only be told by what it misses.
fn broken_off(record: &Record, reason: &str) -> End {
    tracing::warn!(audit_id = record.id(), reason, "a result was broken off");
    End::BrokenOff
}
