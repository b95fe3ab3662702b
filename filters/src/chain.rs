//! Runs the filters: in order on the way in, in reverse on the way out.

use crate::{Exchange, Filter, LocalReply, Verdict};
use protocol::Message;
use std::{fmt, ops::ControlFlow};

/// The filters of one pipeline, outermost first.
#[derive(Default)]
pub struct Chain(Vec<Box<dyn Filter>>);

impl Chain {
    /// A chain of `filters`, outermost first. Their order is the gateway's decision (`gateway/src/chain.rs`).
    #[must_use]
    pub fn new(filters: Vec<Box<dyn Filter>>) -> Self {
        Self(filters)
    }

    /// In order, until one answers.
    pub async fn on_request(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        for filter in &self.0 {
            filter.on_request(exchange).await?;
        }
        ControlFlow::Continue(())
    }

    /// Whether any filter has to see the whole response.
    #[must_use]
    pub fn needs_whole(&self, exchange: &Exchange) -> bool {
        self.0.iter().any(|filter| filter.needs_whole(exchange))
    }

    /// In reverse, until one drops the message.
    pub async fn on_message(&self, exchange: &mut Exchange, message: &mut Message) -> Verdict {
        for filter in self.0.iter().rev() {
            if filter.on_message(exchange, message).await == Verdict::Drop {
                return Verdict::Drop;
            }
        }
        Verdict::Pass
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|filter| filter.name())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::request;
    use async_trait::async_trait;
    use protocol::Notification;

    struct Step(&'static str);

    #[async_trait]
    impl Filter for Step {
        fn name(&self) -> &'static str {
            self.0
        }

        async fn on_request(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
            exchange.intent.get_or_insert_default().push_str(self.0);
            match self.0 {
                "!" => ControlFlow::Break(LocalReply::refusal(1, "", "")),
                _ => ControlFlow::Continue(()),
            }
        }

        async fn on_message(&self, exchange: &mut Exchange, _message: &mut Message) -> Verdict {
            exchange.intent.get_or_insert_default().push_str(self.0);
            if self.0 == "-" { Verdict::Drop } else { Verdict::Pass }
        }

        fn needs_whole(&self, _exchange: &Exchange) -> bool {
            self.0 == "whole"
        }
    }

    async fn check(steps: &[&'static str], way_in: &str, way_out: &str) {
        let chain = Chain::new(steps.iter().map(|s| Box::new(Step(s)) as Box<dyn Filter>).collect());
        let mut exchange = request("tools/list", "{}");
        let _ = chain.on_request(&mut exchange).await;
        assert_eq!(exchange.intent.take().as_deref(), Some(way_in));
        let mut message =
            Message::Notification(Notification { method: "x".to_owned(), params: protocol::Members::new() });
        chain.on_message(&mut exchange, &mut message).await;
        assert_eq!(exchange.intent.as_deref(), Some(way_out));
    }

    #[tokio::test]
    async fn filters_run_in_order_and_back_in_reverse() {
        check(&["a", "b", "c"], "abc", "cba").await;
    }

    #[test]
    fn one_filter_that_needs_the_whole_response_is_enough() {
        let needs = |steps: &[&'static str]| {
            let chain = Chain::new(steps.iter().map(|s| Box::new(Step(s)) as Box<dyn Filter>).collect());
            chain.needs_whole(&request("tools/call", "{}"))
        };
        assert!(needs(&["a", "whole", "b"]) && !needs(&["a", "b"]));
    }

    #[tokio::test]
    async fn a_break_and_a_drop_end_the_run() {
        check(&["a", "!", "c"], "a!", "c!a").await;
        check(&["a", "-", "c"], "a-c", "c-").await;
    }
}
