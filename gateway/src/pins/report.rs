//! Tells the control plane what was pinned here first, for as long as the process lives.

use super::Pins;
use crate::control_plane::{Backoff, ControlPlane};
use std::{collections::BTreeSet, future::pending, sync::Arc, time::Duration};

/// Shortest time between two reports, in milliseconds: each makes a new configuration, which ends what clients listen to.
const REPORT_WAIT_MS: u64 = 500;

/// Reports to `control_plane`; ends only when it is dropped. While the control plane is away, nothing is lost: what it
/// does not have stays in the book.
pub async fn report(pins: Arc<Pins>, control_plane: ControlPlane) {
    let mut backoff = Backoff::control_plane();
    let mut reported = BTreeSet::new();
    let mut failing = false;
    loop {
        pins.news.notified().await;
        while let Some(report) = pins.book.load().unreported(&reported) {
            match control_plane.post_pins(&report).await {
                Err(error) if error.is_passing() => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "pinned definitions did not reach the control plane: trying on");
                    }
                    backoff.wait().await;
                    continue;
                }
                Err(error) => {
                    tracing::error!(%error, server = %report.server, "the control plane refused pinned definitions")
                }
                Ok(()) => {
                    backoff.reset();
                    failing = false;
                }
            }
            let (server, made_at) = (report.server, report.made_at);
            reported.extend(report.tools.into_keys().map(|tool| (server.clone(), made_at, tool)));
            // Nothing ends this wait early but the end of the task.
            let _ = tokio::time::timeout(Duration::from_millis(REPORT_WAIT_MS), pending::<()>()).await;
        }
    }
}
