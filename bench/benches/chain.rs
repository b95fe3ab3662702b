//! A request and its answer through a chain of 0 to 12 filters: ones that do nothing, which is what the chain itself costs, and
//! real ones, filled up to 12 with those. The real chain as a whole, with routing and sealing: the bench `pipeline`.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use bench::in_memory::{call, company, snapshot};
use control_plane_api::{pepper::Peppers, timestamp::Timestamp};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use filters::{
    Chain, Exchange, Filter, Target,
    authentication::Authentication,
    flow::{FlowFilter, Flows},
    permissions::Permissions,
    rate_limit::{ProfileLimit, RateLimit, Rates},
    redaction::Redaction,
    testing::Table,
};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use protocol::{Id, Message, Response};
use scrubber::Scrubber;
use serde_json::value::RawValue;
use std::{sync::Arc, time::Instant};

const FILTERS_MAX: usize = 12;

/// Lets everything pass, by the defaults of the trait.
struct Noop;

impl Filter for Noop {
    fn name(&self) -> &'static str {
        "noop"
    }
}

/// Those that need nothing of a gateway, in its order.
fn real() -> Vec<Box<dyn Filter>> {
    let snapshot = snapshot(&company(1, 1, 1));
    let (rates, table) = (Arc::new(Rates::new(Instant::now)), Arc::new(Table::of(&[("s0_tool_0", "s0", "tool_0")])));
    vec![
        Box::new(Authentication::compile(&snapshot, Peppers::default(), "http://127.0.0.1:9229", Timestamp::now)),
        Box::new(RateLimit::new(rates.clone(), &snapshot.limits)),
        Box::new(Redaction::new(Scrubber::default())),
        Box::new(Permissions::compile(&snapshot, table, true)),
        Box::new(ProfileLimit::compile(&snapshot, rates)),
        Box::new(FlowFilter::compile(&snapshot, Arc::<Flows>::default(), Timestamp::now)),
    ]
}

/// The first `count` of the real ones, and after them those that do nothing.
fn chain_of(real_max: usize, count: usize) -> Chain {
    let noops = (0..count).map(|_| Box::new(Noop) as Box<dyn Filter>);
    Chain::new(real().into_iter().take(real_max).chain(noops).take(count).collect())
}

/// A call as the edge hands it over, routed, and its answer.
fn exchange() -> (Exchange, Message) {
    let Ok(Message::Request(request)) = Message::parse(&call(1 << 10)) else { unreachable!("a request") };
    let mut headers = HeaderMap::new();
    let bearer = format!("Bearer {}", bench::in_memory::token_of(0));
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&bearer).expect("a header"));
    let mut exchange = Exchange::new(request, headers);
    (exchange.endpoint, exchange.project) = ("/projects/calls/mcp".to_owned(), Some("calls".to_owned()));
    exchange.target = Some(Target::new("s0".parse().expect("a name"), "tool_0"));
    let result = format!(r#"{{"content":[{{"type":"text","text":"{}"}}]}}"#, "a word and another ".repeat(50));
    let result = RawValue::from_string(result).expect("JSON");
    (exchange, Message::Response(Response::ok(Id::Number(1), result)))
}

fn chain(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("chain");
    for (name, real_max, counts) in
        [("noop", 0, &[0_usize, 1, 2, 4, 8, FILTERS_MAX][..]), ("real", FILTERS_MAX, &[1, 2, 3, 4, 5, 6, FILTERS_MAX])]
    {
        for &count in counts {
            let chain = chain_of(real_max, count);
            let (mut tried, _) = exchange();
            assert!(runtime.block_on(chain.on_request(&mut tried)).is_continue(), "{chain:?} lets the call pass");
            group.bench_function(BenchmarkId::new(name, count), |b| {
                let chain = &chain;
                let pass = |(mut exchange, mut message): (Exchange, Message)| async move {
                    let verdict = chain.on_request(&mut exchange).await;
                    chain.on_message(&mut exchange, &mut message).await;
                    // Taken apart outside of what is measured.
                    (verdict.is_continue(), exchange, message)
                };
                b.to_async(&runtime).iter_batched(exchange, pass, BatchSize::SmallInput);
            });
        }
    }
    group.finish();
}

criterion_group!(benches, chain);
criterion_main!(benches);
