//! N-03: whether the time it takes to refuse a token tells anything about the tokens there are.
//!
//! Two classes of tokens that are refused alike are presented in random order; Welch's t over the times of both (without the
//! slowest twentieth, which is the scheduler's) has to stay below 4.5, the bound of `dudect` (Reparaz et al., 2017).
//!
//! `cargo run --release -p filters --example token_timing`

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use control_plane_api::{
    pepper::Peppers,
    snapshot::Snapshot,
    timestamp::Timestamp,
    token::{self, TokenKind},
};
use filters::authentication::Authentication;
use http::{HeaderMap, HeaderValue, header};
use std::{hint::black_box, process::ExitCode, time::Instant};

const SAMPLES: usize = 100_000;
const USERS: u32 = 1_000;
const BOUND: f64 = 4.5;

/// A linear congruential generator (Knuth's MMIX constants): order and made-up tokens need no secrets.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 16
    }

    fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.iter_mut().for_each(|byte| *byte = self.next().to_le_bytes()[0]);
        bytes
    }
}

/// The token of one of the users.
fn of_user(user: u32) -> [u8; 32] {
    Random(u64::from(user)).bytes()
}

fn authentication() -> Result<Authentication, serde_json::Error> {
    let peppers = Peppers::new(vec![(1, [1; 32])]);
    let user = |n: u32| {
        let digest = peppers.digest(&token::format(TokenKind::Personal, &of_user(n)));
        serde_json::json!({"kind": "user", "name": format!("u{n}"), "spec": {"tokens": [{"id": n.to_string(), "digest": digest}]}})
    };
    let objects = serde_json::from_value((0..USERS).map(user).collect())?;
    let snapshot = Snapshot { objects, ..Snapshot::empty() };
    Ok(Authentication::compile(&snapshot, peppers, "http://localhost", Timestamp::now))
}

fn headers(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&format!("Bearer {token}")) {
        headers.insert(header::AUTHORIZATION, value);
    }
    headers
}

/// Nanoseconds to refuse tokens of two classes.
fn measured(authentication: &Authentication, classes: [&dyn Fn(&mut Random) -> String; 2]) -> [Vec<f64>; 2] {
    let mut random = Random(42);
    let mut times = [Vec::new(), Vec::new()];
    while times.iter().any(|times| times.len() < SAMPLES) {
        let class = usize::from(random.next() & 1 == 1);
        let Some(make) = classes.get(class) else { continue };
        let headers = headers(&make(&mut random));
        let begun = Instant::now();
        let refused = black_box(authentication.authenticate(black_box(&headers), "/mcp")).is_err();
        let took = begun.elapsed();
        assert!(refused, "both classes are refused");
        if let Some(times) = times.get_mut(class) {
            times.push(took.as_secs_f64() * 1e9);
        }
    }
    times
}

/// Mean and variance of the mean, without the slowest twentieth.
fn moments(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    times.truncate(times.len() * 19 / 20);
    let count = times.len() as f64;
    let mean = times.iter().sum::<f64>() / count;
    let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance / count)
}

fn check(name: &str, [one, other]: [Vec<f64>; 2]) -> bool {
    let ((mean, spread), (other_mean, other_spread)) = (moments(one), moments(other));
    let t = (mean - other_mean) / (spread + other_spread).sqrt();
    println!("{name}: {mean:.1} ns against {other_mean:.1} ns, t = {t:.2} (bound {BOUND})");
    t.abs() < BOUND
}

fn main() -> ExitCode {
    let Ok(authentication) = authentication() else { return ExitCode::FAILURE };
    let unknown = |random: &mut Random| token::format(TokenKind::Personal, &random.bytes());
    // Begins like a token there is, to its last bytes.
    let alike = |random: &mut Random| {
        let mut bytes = of_user(u32::try_from(random.next() % u64::from(USERS)).unwrap_or_default());
        if let Some(last) = bytes.last_mut() {
            *last = last.wrapping_add(1);
        }
        let _ = random.bytes();
        token::format(TokenKind::Personal, &bytes)
    };
    // One that was there and is revoked: outside the users that are left.
    let revoked = |random: &mut Random| {
        let user = USERS + u32::try_from(random.next() % u64::from(USERS)).unwrap_or_default();
        let _ = random.bytes();
        token::format(TokenKind::Personal, &of_user(user))
    };
    let near = check("unknown, and unknown but for the last byte", measured(&authentication, [&unknown, &alike]));
    let gone = check("never existed, and revoked", measured(&authentication, [&unknown, &revoked]));
    if near && gone { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
