//! The filter that checks mirrored arguments: what headers say of a call, its arguments have to say too, or whoever routed
//! by the headers was deceived (2026-07-28 transports, custom headers).

use super::Router;
use filters::{Cause, Exchange, Filter, LocalReply};
use http::StatusCode;
use protocol::{code, method::Primitive};
use std::{ops::ControlFlow, sync::Arc};

/// See the module.
pub struct Mirroring {
    router: Arc<Router>,
}

impl Mirroring {
    /// By the tools `router` knows.
    #[must_use]
    pub fn new(router: Arc<Router>) -> Self {
        Self { router }
    }
}

impl Filter for Mirroring {
    fn name(&self) -> &'static str {
        "mirroring"
    }

    fn needs_whole(&self, _exchange: &Exchange) -> bool {
        false
    }

    fn admit(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        // Clients of older revisions send no such headers.
        let Some(Primitive::Tool(exposed)) = exchange.primitive.as_ref().filter(|_| exchange.affinity.is_none()) else {
            return ControlFlow::Continue(());
        };
        let table = self.router.table(exchange.project.as_deref());
        let arguments = exchange.request.params.get("arguments");
        let checked = table.mirrored(exposed).map_or(Ok(()), |mirrored| mirrored.check(arguments, &exchange.headers));
        checked.map_or_else(
            |error| {
                let told = error.to_string();
                let mut reply = LocalReply::refusal(Cause::Malformed, code::HEADER_MISMATCH, told.clone(), told);
                reply.status = StatusCode::BAD_REQUEST;
                ControlFlow::Break(reply)
            },
            ControlFlow::Continue,
        )
    }
}
