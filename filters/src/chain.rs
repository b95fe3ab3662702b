//! Runs the filters: in order on the way in, in reverse on the way out.

use crate::{Exchange, Filter, LocalReply, Verdict};
use protocol::Message;
use std::{
    fmt,
    ops::ControlFlow,
    time::{Duration, Instant},
};

/// Told how long the filters took.
pub trait Meter: Send + Sync {
    /// The filter at `place` of the chain took so long over a request or a message.
    fn took(&self, place: usize, time: Duration);
}

/// The filters of one pipeline, outermost first.
#[derive(Default)]
pub struct Chain {
    filters: Vec<Box<dyn Filter>>,
    meter: Option<Box<dyn Meter>>,
}

/// Time from one filter to the next; one look at the clock for each of them.
struct Laps<'a> {
    meter: &'a dyn Meter,
    begun: Instant,
}

impl<'a> Laps<'a> {
    fn begin(chain: &'a Chain) -> Option<Self> {
        chain.meter.as_deref().map(|meter| Self { meter, begun: Instant::now() })
    }

    fn next(&mut self, place: usize) {
        let now = Instant::now();
        self.meter.took(place, now.duration_since(std::mem::replace(&mut self.begun, now)));
    }
}

impl Chain {
    /// A chain of `filters`, outermost first. Their order is the gateway's decision (`gateway/src/chain.rs`).
    #[must_use]
    pub fn new(filters: Vec<Box<dyn Filter>>) -> Self {
        Self { filters, meter: None }
    }

    /// The same, and `meter` is told how long each filter takes.
    #[must_use]
    pub fn metered(self, meter: Box<dyn Meter>) -> Self {
        Self { meter: Some(meter), ..self }
    }

    /// What the filters are called, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.filters.iter().map(|filter| filter.name())
    }

    /// In order, until one answers.
    pub async fn on_request(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        let mut laps = Laps::begin(self);
        for (place, filter) in self.filters.iter().enumerate() {
            let judged = filter.on_request(exchange).await;
            if let Some(laps) = &mut laps {
                laps.next(place);
            }
            judged?;
        }
        ControlFlow::Continue(())
    }

    /// Whether any filter has to see the whole response.
    #[must_use]
    pub fn needs_whole(&self, exchange: &Exchange) -> bool {
        self.filters.iter().any(|filter| filter.needs_whole(exchange))
    }

    /// In reverse, until one drops the message.
    pub async fn on_message(&self, exchange: &mut Exchange, message: &mut Message) -> Verdict {
        let mut laps = Laps::begin(self);
        for (place, filter) in self.filters.iter().enumerate().rev() {
            let verdict = filter.on_message(exchange, message).await;
            if let Some(laps) = &mut laps {
                laps.next(place);
            }
            if verdict == Verdict::Drop {
                return Verdict::Drop;
            }
        }
        Verdict::Pass
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cause, testing::request};
    use protocol::Notification;
    use std::sync::{Arc, Mutex};

    struct Step(&'static str);

    impl Filter for Step {
        fn name(&self) -> &'static str {
            self.0
        }

        fn admit(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
            exchange.intent.get_or_insert_default().push_str(self.0);
            match self.0 {
                "!" => ControlFlow::Break(LocalReply::refusal(Cause::Tool, 1, "", "")),
                _ => ControlFlow::Continue(()),
            }
        }

        fn amend(&self, exchange: &mut Exchange, _message: &mut Message) -> Verdict {
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

    #[derive(Clone, Default)]
    struct Laid(Arc<Mutex<Vec<usize>>>);

    impl Meter for Laid {
        fn took(&self, place: usize, _time: Duration) {
            self.0.lock().unwrap().push(place);
        }
    }

    #[tokio::test]
    async fn the_time_of_every_filter_that_ran_is_told_that_of_the_last_one_too() {
        let laid = Laid::default();
        let steps = ["a", "!", "c"].map(|name| Box::new(Step(name)) as Box<dyn Filter>);
        let chain = Chain::new(steps.into()).metered(Box::new(laid.clone()));
        let mut exchange = request("tools/list", "{}");
        assert!(chain.on_request(&mut exchange).await.is_break());
        assert_eq!(*laid.0.lock().unwrap(), [0, 1]);
        let mut message =
            Message::Notification(Notification { method: "x".to_owned(), params: protocol::Members::new() });
        chain.on_message(&mut exchange, &mut message).await;
        assert_eq!(*laid.0.lock().unwrap(), [0, 1, 2, 1, 0]);
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
