//! Three gateways, two control planes and one PostgreSQL, with a network in between that can be broken: a proxy in front of
//! each control plane for the gateways, and one in front of the database for each control plane. The administrator asks the
//! control planes past it.

use super::{
    callers::{Callers, SWING},
    disk::Disk,
    proxy::{Fault, Proxy},
    truth::{Truth, are_all_there},
};
use crate::said::aloud;
use crate::{fleet::rig::Fleet, http::Endpoint, patience::until, postgres::Cluster};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

pub(crate) struct Gateway {
    pub(crate) name: String,
    pub(crate) url: String,
    _process: Child,
}

pub(crate) struct Rig {
    pub(crate) cluster: Cluster,
    pub(crate) fleet: Fleet,
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) callers: Callers,
    pub(crate) truth: Truth,
    /// In front of the control planes.
    pub(crate) to_mcpd: Vec<Proxy>,
    /// In front of the database.
    pub(crate) to_database: [Proxy; 2],
    pub(crate) database: String,
    open: bool,
    /// Projects that were made to see what is in force.
    made: usize,
    token: String,
    /// On which the database lies, if it has one of its own.
    pub(crate) disk: Option<Disk>,
}

impl Rig {
    /// Everything runs and is called.
    pub(crate) async fn start(names: [&str; 3]) -> Self {
        let (cluster, disk) = (Cluster::start(), Disk::of_its_own());
        if let Some(disk) = &disk {
            assert_eq!(cluster.tell(&format!("move {}", disk.path())), "moved");
            assert_eq!(cluster.tell("start"), "started");
        }
        let url = cluster.database();
        let (before, database) = url.rsplit_once('/').unwrap();
        let (login, place) = before.rsplit_once('@').unwrap();
        let to_database = [Proxy::start(place.to_owned()).await, Proxy::start(place.to_owned()).await];
        let urls = to_database.each_ref().map(|proxy| format!("{login}@{}/{database}", proxy.address));
        let mut fleet = Fleet::founded(&url, urls).await;
        let mut to_mcpd = Vec::new();
        for at in [0, 1] {
            fleet.start(at).await;
            to_mcpd.push(Proxy::start(fleet.addresses[at].clone()).await);
        }
        let mut this = Self {
            token: fleet.world.admin_token(),
            database: database.to_owned(),
            gateways: Vec::new(),
            callers: Callers::none(),
            truth: Truth::default(),
            open: false,
            made: 0,
            cluster,
            fleet,
            to_mcpd,
            to_database,
            disk,
        };
        this.found(names).await;
        this
    }

    async fn found(&mut self, names: [&str; 3]) {
        let body = json!({"name": SWING, "spec": {"profiles": ["jira-read-only"]}});
        let (status, made) =
            self.fleet.ask(0, (Method::PUT, &format!("projects/{SWING}")), None, Some(body)).await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{made}");
        self.truth.note(made["revision"].as_u64().unwrap(), false);
        for name in names {
            self.add(name, |_| {}).await;
        }
        self.flip().await;
        self.in_force().await;
    }

    /// Enrols a gateway and starts it; it is called from then on.
    pub(crate) async fn add(&mut self, name: &str, more: impl FnOnce(&mut Command)) {
        let file = self.fleet.join_token(name).await;
        let urls: Vec<String> = self.to_mcpd.iter().map(|proxy| format!("http://{}", proxy.address)).collect();
        let started = self.fleet.gateway(name, &urls, |command| {
            command.arg("--join-token-file").arg(&file);
            more(command);
        });
        let (process, url) = started.await;
        let read = Endpoint::new(&format!("{url}/projects/{}/mcp", super::callers::STEADY), &self.token);
        until("the gateway serves, and its servers run", async || {
            let listed = read.try_list().await? == StatusCode::OK;
            (listed && read.list().await.text.contains(super::callers::READ)).then_some(())
        })
        .await;
        self.callers.begin(&url, &self.token);
        self.gateways.push(Gateway { name: name.to_owned(), url, _process: process });
    }

    /// One attempt to open the swinging project, or shut it, at control plane `at`; the revision in which it became so.
    /// It is built on what is there, so that an attempt of which nothing was heard is not made again later.
    async fn try_flip(&self, at: usize, open: bool) -> Option<u64> {
        let path = format!("projects/{SWING}");
        let profile = if open { "slack-read-only" } else { "jira-read-only" };
        let spec = json!({"profiles": [profile]});
        let (status, have) = self.fleet.ask(at, (Method::GET, &path), None, None).await?;
        let revision = have["revision"].as_u64().filter(|_| status == StatusCode::OK)?;
        if have["spec"]["profiles"] == spec["profiles"] {
            return Some(revision);
        }
        let body = json!({"name": SWING, "spec": spec});
        let (status, made) = self.fleet.ask(at, (Method::PUT, &path), Some(revision), Some(body)).await?;
        made["revision"].as_u64().filter(|_| status == StatusCode::OK)
    }

    /// Changes what is allowed, at whichever control plane takes it.
    pub(crate) async fn flip(&mut self) {
        let open = !self.open;
        let mut turn = 0;
        let revision = until("a change is taken", async || {
            turn += 1;
            self.try_flip(turn % 2, open).await
        })
        .await;
        self.truth.note(revision, open);
        self.open = open;
    }

    /// Tries to change what is allowed until that is refused.
    pub(crate) async fn flip_until_refused(&mut self) {
        until("a change is refused", async || match self.try_flip(0, !self.open).await {
            Some(revision) => {
                self.open = !self.open;
                self.truth.note(revision, self.open);
                None
            }
            None => Some(()),
        })
        .await;
    }

    /// Makes a project and waits until every gateway serves it, and with it everything that was changed before.
    async fn in_force(&mut self) {
        self.made += 1;
        let name = format!("made-{}", self.made);
        let mut turn = 0;
        until("a new project is taken", async || {
            turn += 1;
            let body = json!({"name": name, "spec": {"profiles": ["slack-read-only"]}});
            let (status, _) =
                self.fleet.ask(turn % 2, (Method::PUT, &format!("projects/{name}")), None, Some(body)).await?;
            status.is_success().then_some(())
        })
        .await;
        for gateway in &self.gateways {
            let endpoint = Endpoint::new(&format!("{}/projects/{name}/mcp", gateway.url), &self.token);
            until("every gateway has the change in force", async || {
                (endpoint.try_list().await? == StatusCode::OK).then_some(())
            })
            .await;
        }
    }

    /// Waits until each client at each gateway was answered `count` times more.
    pub(crate) async fn calls_go_on(&self, count: usize) {
        let (allowed, refused) = self.callers.fewest();
        until("calls go on", async || {
            self.callers.are_content();
            let now = self.callers.fewest();
            (now.0 >= allowed + count && now.1 >= refused + count).then_some(())
        })
        .await;
    }

    /// From here, where a cause is gone, until a new change is in force everywhere.
    pub(crate) async fn recovered(&mut self) -> Duration {
        let began = Instant::now();
        self.flip().await;
        self.in_force().await;
        let took = began.elapsed();
        self.callers.are_content();
        took
    }

    pub(crate) fn between_gateways_and_mcpd(&self, fault: Fault) {
        self.to_mcpd.iter().for_each(|proxy| proxy.set(fault));
    }

    pub(crate) fn between_mcpd_and_database(&self, fault: Fault) {
        self.to_database.iter().for_each(|proxy| proxy.set(fault));
    }

    /// Ends the calls, and compares every decision with the revision it names.
    pub(crate) async fn end(mut self) {
        self.callers.end().await;
        let names: Vec<String> = self.gateways.iter().map(|gateway| gateway.name.clone()).collect();
        let server = format!("http://{}", self.fleet.addresses[0]);
        let (export, folder) = (self.fleet.world.text_path("export"), self.fleet.world.path("export"));
        until("the control plane has the audit record of every call", async || {
            self.fleet.world.mcpctl(&["--server", &server, "audit", "export", &export]).await.done();
            are_all_there(&folder, &names, &self.callers).then_some(())
        })
        .await;
        self.fleet.world.mcpctl(&["--server", &server, "audit", "verify"]).await.done();
        let calls = self.truth.compare(&folder);
        aloud(&format!("recovery: {calls} calls, 0 failed, 0 decided otherwise than the revision they name"));
    }
}
