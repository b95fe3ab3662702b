//! N-05, N-07: somebody logs in with a password, works at the gateway, and is shut out again, as one would type it.

use crate::{
    http::Endpoint,
    patience::until,
    programs::program,
    said::Said,
    world::{World, run},
};
use reqwest::StatusCode;
use std::fs;

const PASSWORD: &str = "correct horse battery";
const PROJECT: &str = "shut_out";

/// The machine of somebody else than the administrator.
struct Other<'a> {
    world: &'a World,
    home: String,
    api: String,
}

impl Other<'_> {
    async fn mcpctl(&self, args: &[&str], stdin: &str) -> Said {
        let mut command = self.world.command(&program("mcpctl"));
        command.args(args).env("MCPCTL_HOME", &self.home).env("MCPCTL_SERVER", &self.api);
        run(command, stdin).await
    }

    async fn log_in(&self, password: &str) -> Said {
        self.mcpctl(&["login", "--user", "eve", "--password-stdin"], password).await
    }

    async fn token(&self) -> String {
        self.mcpctl(&["credentials", "show"], "").await.done().stdout.trim().to_owned()
    }
}

async fn served(endpoint: &Endpoint) {
    until("the gateway lets in", async || (endpoint.list().await.status == StatusCode::OK).then_some(())).await;
}

async fn refused(endpoint: &Endpoint) {
    let is_out = async || (endpoint.list().await.status == StatusCode::UNAUTHORIZED).then_some(());
    until("the gateway refuses", is_out).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_good_at_every_door_and_at_none_once_it_has_ended() {
    let world = World::shared().await;
    world.mcpctl(&["user", "create", "eve"]).await.done();
    world.mcpctl_with(&["user", "passwd", "eve", "--stdin"], PASSWORD).await.done();
    let file = world.path("shut-out.yaml");
    fs::write(&file, format!("kind: project\nname: {PROJECT}\nspec: {{members: [eve]}}\n")).unwrap();
    world.mcpctl(&["apply", "-f", file.to_str().unwrap()]).await.done();
    let api = world.process("mcpd").await.url.unwrap();
    let eve = Other { world, home: world.text_path("eve"), api };
    eve.log_in("wrong horse battery").await.failed(4, &["user or password is wrong"]);

    // Logged out.
    eve.log_in(PASSWORD).await.done();
    let first = world.endpoint(PROJECT, &eve.token().await).await;
    served(&first).await;
    assert!(eve.mcpctl(&["whoami"], "").await.done().stdout.contains("eve"));
    eve.mcpctl(&["logout"], "").await.done();
    refused(&first).await;
    eve.mcpctl(&["whoami"], "").await.failed(4, &["there is no token"]);

    // The password is another one.
    eve.log_in(PASSWORD).await.done();
    let second = first.with_token(&eve.token().await);
    served(&second).await;
    world.mcpctl_with(&["user", "passwd", "eve", "--stdin"], "another horse battery").await.done();
    refused(&second).await;
    eve.mcpctl(&["whoami"], "").await.failed(4, &["refused the token"]);

    // Shut out, with a token besides.
    eve.log_in("another horse battery").await.done();
    let third = first.with_token(&eve.token().await);
    let create = ["token", "create", "--user", "eve", "--format", "json"];
    let token = first.with_token(world.mcpctl(&create).await.done().json()["token"].as_str().unwrap());
    served(&third).await;
    served(&token).await;
    world.mcpctl(&["user", "disable", "eve"]).await.done();
    refused(&third).await;
    refused(&token).await;
    eve.log_in("another horse battery").await.failed(4, &["user or password is wrong"]);
    world.mcpctl(&["user", "enable", "eve"]).await.done();
    served(&token).await;
    refused(&third).await;
}
