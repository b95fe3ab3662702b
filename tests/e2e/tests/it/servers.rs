//! Servers that other people wrote, as they come from their registries, through the gateway: what a user does with each of
//! them, and what the web site behind it is asked. The sites are made up (`fakes`), and write down every request.
//!
//! `docs/servers-tested.md` has a line for each server; it is compared with what was done.

mod everything;
pub(crate) mod fakes;
mod filesystem;
mod git;
mod github;
mod grafana;
pub(crate) mod installed;
mod jira;
mod kubernetes;
mod memory;
mod official;
mod records;
mod rig;
pub(crate) mod site;
mod slack;
mod slack_reference;
mod time;
