//! A long result on its way to the client: piece by piece, as fast as the client takes them.
//!
//! Its rim passes the filters and is put into words like any result; of the rest nobody decides anything. The last piece
//! leaves once the outcome is durable: a client that has all of it is one whose exchange was written down.

use super::{Client, Outgoing, Pipeline, Term, outcome_of};
use crate::{
    metrics::Phase,
    record::Record,
    translation,
    upstream::{
        Long,
        long::{HEAD, Part, spliced},
    },
};
use bytes::Bytes;
use control_plane_api::audit::Outcome;
use filters::{Cause, Exchange, Verdict, redaction};
use protocol::{Members, Message, Response, RpcError, code};
use scrubber::{Dialect, Redacted, Scan, Unblottable};

/// How far a result came.
enum End {
    /// To its end, which is this.
    Complete(Outcome, Bytes),
    /// Not that far.
    BrokenOff,
    /// Whoever asked for it may not have the rest, for this reason.
    Revoked(String),
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
    pub(super) async fn relay(&self, mut record: Box<Record>, (mut long, mut term): (Long, Term), client: Client) {
        let (rim, outcome) = match self.rim(&mut record, long.rim()).await {
            Ok(rim) => rim,
            Err(error) => return self.finish(record, Err(error), client).await,
        };
        *long.rim() = rim;
        let id = serde_json::to_string(&record.exchange.request.id).unwrap_or_default();
        let head = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{HEAD}{}"#, spliced(long.rim()));
        // The head passed the filters; what comes is scanned as it comes.
        let scan = self.scrubber.scan(Dialect::Json);
        let end = match pass(&mut record, &client, head.into()).await {
            true => self.pieces(&mut record, (&mut long, &mut term, scan), &client).await,
            false => End::Abandoned,
        };
        // What was read of the server's answer is known to be its end, or given up.
        drop(long);
        let (outcome, last) = match end {
            End::Complete(late, last) => (if late == Outcome::Ok { outcome } else { late }, Some(last)),
            End::BrokenOff => (if record.passed_bytes() > 0 { Outcome::Partial } else { Outcome::Error }, None),
            End::Revoked(reason) => {
                let bytes = record.passed_bytes();
                self.metrics.denied(Cause::Revoked, super::server_of(&record.exchange));
                // The client can only be told by what it misses, whether that is written down or not.
                let _ = record.deny(reason, bytes).await;
                return;
            }
            // The record says so when it is dropped.
            End::Abandoned => return,
        };
        self.alarm(&record);
        record.passed(last.as_deref().unwrap_or_default());
        let bytes = record.passed_bytes();
        // Without a durable record it is not completed either: a client that misses the last piece has nothing.
        if let (Ok(()), Some(bytes)) = (record.close(outcome, bytes).await, last) {
            super::send(&client, Outgoing::Piece { bytes, last: true }).await;
        }
    }

    async fn pieces(
        &self,
        record: &mut Record,
        (long, term, mut scan): (&mut Long, &mut Term, Scan),
        client: &Client,
    ) -> End {
        loop {
            let part = tokio::select! {
                biased;
                refusal = term.over(self, &record.exchange) => {
                    record.decided_at(term.revision());
                    return End::Revoked(refusal.reason);
                }
                part = long.next() => part,
            };
            match part {
                Some(Ok(Part::Piece(piece))) => match scan.push(piece) {
                    Ok(piece) if piece.is_empty() || pass(record, client, piece.clone()).await => {}
                    Ok(_) => return End::Abandoned,
                    Err(error) => return unblottable(record, error),
                },
                Some(Ok(Part::Rim(mut rim))) => {
                    let held = match scan.finish() {
                        Ok((held, redacted)) => {
                            redaction::note(&mut record.exchange, &redacted);
                            String::from_utf8_lossy(&held).into_owned()
                        }
                        Err(error) => return unblottable(record, error),
                    };
                    return match self.rim(record, &mut rim).await {
                        Ok((rim, outcome)) => End::Complete(outcome, format!("{held}{}}}}}", spliced(&rim)).into()),
                        Err(error) => broken_off(record, &error.message),
                    };
                }
                Some(Err(error)) => return broken_off(record, &error.to_string()),
                None => return broken_off(record, "the server ended without an answer"),
            }
        }
    }

    /// `rim` as the client may have it, and what it says about the outcome.
    async fn rim(&self, record: &mut Record, rim: &mut Members) -> Result<(Members, Outcome), RpcError> {
        let unusable = || RpcError::new(code::INTERNAL_ERROR, "the server's answer may not pass");
        let id = record.exchange.request.id.clone();
        let mut message = Message::Response(Response::ok(id, std::mem::take(rim).to_raw()));
        record.enters(Phase::ReplyFilters);
        let verdict = self.chain.on_message(&mut record.exchange, &mut message).await;
        record.enters(Phase::Upstream);
        if verdict == Verdict::Drop {
            return Err(unusable());
        }
        let Message::Response(response) = message else { return Err(unusable()) };
        let payload = translation::of(&record.exchange, response.payload);
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

/// What is left of it would not be JSON.
fn unblottable(record: &mut Record, error: Unblottable) -> End {
    let end = broken_off(record, &error.to_string());
    redaction::note(&mut record.exchange, &Redacted::from([(error.0, 1)]));
    end
}

/// The client can only be told by what it misses.
fn broken_off(record: &Record, reason: &str) -> End {
    tracing::warn!(audit_id = record.id(), reason, "a result was broken off");
    End::BrokenOff
}
