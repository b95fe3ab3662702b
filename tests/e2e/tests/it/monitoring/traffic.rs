//! A system with something of everything going on: allowed and refused, filtered, failing, limited, drained.

use crate::{
    gateways::join,
    http::Endpoint,
    patience::until,
    programs::program,
    world::{World, run},
};
use reqwest::StatusCode;
use serde_json::json;
use std::{fs, path::Path};
use tokio::process::Child;

const SECOND: &str = "second";
const SECRET: &str = "canary-4242-troubled";

/// A daemon, and a gateway that an administrator enrolled beside its own.
pub(crate) struct System {
    pub(crate) world: World,
    second: String,
    _process: Child,
}

impl System {
    pub(crate) async fn start() -> Self {
        let world = World::new(None);
        let mut command = world.command(&program("mcpctl"));
        command.args(["daemon", "start", "--api-port", "0", "--gateway-port", "0"]);
        command.env("MCPCTL_HOME", world.path("home")).env("MCPD_METRICS_LISTEN", "127.0.0.1:0");
        run(command, "").await.done();
        world.set_up_slack_and_jira().await;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/troubled_server.py");
        let script = format!("--arg={}", script.display());
        let line =
            ["setup", "troubled", "--non-interactive", "--command", "python3", &script, "--secret-env", "SECRET"];
        world.mcpctl_with(&[&line[..], &["--token-stdin", "--read-tool", "*"]].concat(), SECRET).await.done();
        let profile = ["profile", "create", "narrow", "--for", "jira", "--calls-per-minute", "1", "--wait"];
        world.mcpctl(&profile).await.done();
        for (project, profiles) in [("work", "slack-read-only,troubled-full"), ("narrow", "narrow")] {
            world.mcpctl(&["project", "create", project, "--profiles", profiles, "--wait"]).await.done();
        }
        let (process, second) = join(&world, SECOND).await;
        let system = Self { world, second, _process: process };
        for project in ["work", "narrow"] {
            let endpoint = system.endpoint(project).await;
            until("the gateways serve", async || {
                let statuses = [endpoint.try_list().await?, system.at_second(project).try_list().await?];
                (statuses == [StatusCode::OK; 2]).then_some(())
            })
            .await;
        }
        system
    }

    /// What there is to scrape: a job, and its addresses.
    pub(crate) fn jobs(&self) -> [(&'static str, Vec<String>); 2] {
        let read = |path: &str| fs::read_to_string(self.world.path(path)).unwrap().trim().to_owned();
        let gateways = vec![read("home/gateway/local/admin-addr"), read("second/gateway/second/admin-addr")];
        [("mcp-gateway", gateways), ("mcpd", vec![read("home/mcpd-metrics.addr")])]
    }

    async fn endpoint(&self, project: &str) -> Endpoint {
        self.world.endpoint(project, &self.world.admin_token()).await
    }

    fn at_second(&self, project: &str) -> Endpoint {
        Endpoint::new(&format!("{}/projects/{project}/mcp", self.second), &self.world.admin_token())
    }

    /// Once of everything.
    pub(crate) async fn goes_on(&self) {
        let (work, narrow) = (self.endpoint("work").await, self.endpoint("narrow").await);
        for endpoint in [&work, &self.at_second("work")] {
            assert_eq!(endpoint.list().await.status, StatusCode::OK);
            let filtered = endpoint.call("slack_get_messages", json!({"_context": "security incidents"})).await;
            assert!(filtered.text.contains("mcpctl/relevance"), "{}", filtered.text);
            // Ended by the round before, it is started again after a while.
            until("the troubled server answers", async || {
                endpoint.call("troubled_tell", json!({})).await.text.contains("[redacted:").then_some(())
            })
            .await;
            assert!(endpoint.call("troubled_fail", json!({})).await.text.contains("as it was asked"));
            assert!(endpoint.call("troubled_end", json!({})).await.error().contains("went away"));
            let post = json!({"channel": "general", "text": "written by a test"});
            assert!(endpoint.call("slack_post_message", post).await.error().contains("permission denied"));
            assert_eq!(endpoint.with_token("mcpctl_pat_wrong").list().await.status, StatusCode::UNAUTHORIZED);
        }
        let search = json!({"jql": "", "limit": 1});
        narrow.call("jira_search", search.clone()).await;
        assert_eq!(narrow.call("jira_search", search).await.status, StatusCode::TOO_MANY_REQUESTS);

        self.world.mcpctl(&["gateway", "drain", SECOND, "--wait"]).await.done();
        assert_eq!(self.at_second("work").list().await.status, StatusCode::SERVICE_UNAVAILABLE);
        self.world.mcpctl(&["gateway", "resume", SECOND, "--wait"]).await.done();
    }
}
