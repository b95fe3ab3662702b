//! What is promised about security, as a user would check it: with real processes, and by what is really there afterwards.
//! The attacks themselves, one by one, are tried closer to the code; `docs/security/threat-model.md` says where.

mod argument_rules;
mod audit_trail;
mod auth_flows;
mod credential_leakage;
mod pages;
mod permission_boundaries;
mod pinning;
mod processes;
mod raw;
mod sessions;
