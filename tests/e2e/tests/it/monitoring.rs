//! Dashboards, rules and runbooks: right by themselves, and against a system that runs.

mod dashboards;
mod live;
mod prometheus;
mod rules;
mod runbooks;
mod traffic;
