//! `docs/examples/documentation-querying.md`: all buckets with public access, from what the provider's documentation says and
//! the code of all repositories. With the official servers of HashiCorp and GitHub where they are installed, before sites
//! that are made up; else with demo servers that know the same.

use super::{
    example::{Example, Read, apply, set_up, writes},
    truth::{Counted, Truth},
};
use crate::{
    programs::program,
    servers::{
        fakes::{github, terraform},
        installed::Installed,
        site::Site,
    },
    world::World,
};
use e2e::{
    estate::{estate, search},
    provider_docs::docs,
};
use serde_json::{Value, json};

const TOKEN: &str = "github_pat_4Tz8Qw2LmXc6Rn1Vb";

/// Who wants to find all of something had rather be shown too much.
const OBJECTS: &str = "
kind: project
name: infrastructure
spec:
  profiles: [terraform-read-only, github-read-only]
  relevance: {recall: high, deadline_ms: 10000}
";

/// A search for the code of one way to open a bucket: one thing at a time, in the words of the code.
fn code(query: &str, context: &'static str) -> Read {
    let estate = estate();
    let open = search(&estate, query).into_iter().filter(|hit| hit.is_open);
    Read {
        tool: "github_search_code",
        arguments: json!({"query": format!("{query} org:acme"), "perPage": 100}),
        context,
        truth: Truth::new("\"sha\":\"", open.map(|hit| hit.sha.clone()).collect()),
    }
}

fn example() -> Example {
    let pages = docs().unwrap().into_iter().filter(|doc| doc.is_public).map(|doc| doc.id).collect();
    let slug = json!({
        "provider_name": "aws", "provider_namespace": "hashicorp", "service_slug": "s3",
        "provider_document_type": "resources",
    });
    Example {
        title: "documentation querying",
        project: "infrastructure",
        prompt: "Find all S3 buckets with public access.",
        reads: vec![
            Read {
                tool: "terraform_search_providers",
                arguments: slug,
                context: "public access to a bucket: who may read it",
                truth: Truth::new("providerDocID:", pages),
            },
            code("aws_s3_bucket_acl", "acl public-read or public-read-write"),
            // The search knows this word, and the model can hardly tell it from its opposite.
            code("aws_s3_bucket_public_access_block false", "block_public_acls = false"),
            code("aws_iam_policy_document", "identifiers = [\"*\"] type *"),
        ],
        write: (
            "github_create_or_update_file",
            json!({"owner": "acme", "repo": "data-infra", "path": "main.tf", "content": "", "message": "m", "branch": "b"}),
        ),
    }
}

/// GitHub's server, and how to know whether anything was written there.
async fn set_up_github(world: &World) -> Option<Site> {
    let Some(installed) = Installed::go("github-mcp-server") else {
        set_up(world, "github", &[], TOKEN).await;
        return None;
    };
    let site = Site::open(github::answer()).await;
    let host = format!("GITHUB_HOST={}", site.url());
    let line =
        ["setup", "github", "--non-interactive", "--token-stdin", "--command", &installed.line[0], "--arg=stdio"];
    world.mcpctl_with(&[&line[..], &["--set", &host]].concat(), TOKEN).await.done();
    Some(site)
}

/// Terraform's server before a registry that is made up.
async fn set_up_terraform(world: &World) -> Option<Site> {
    let line = ["setup", "terraform", "--non-interactive", "--arg=stdio", "--command"];
    let Some(installed) = Installed::go("terraform-mcp-server") else {
        let mock = program("mock-terraform");
        world.mcpctl(&[&line[..], &[mock.to_str().unwrap()]].concat()).await.done();
        return None;
    };
    let site = Site::instead_of(&terraform::HOSTS, &world.path("user"), terraform::answer()).await;
    let (proxy, trust) = (format!("HTTPS_PROXY={}", site.url()), format!("SSL_CERT_FILE={}", site.authority()));
    let line = [&line[..], &[&installed.line[0], "--env", &proxy, "--env", &trust]].concat();
    world.mcpctl(&line).await.done();
    Some(site)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_that_opens_a_bucket_is_found_by_what_the_documentation_says() {
    let world = World::with_model(None).await;
    let (terraform, github) = (set_up_terraform(&world).await, set_up_github(&world).await);
    apply(&world, OBJECTS).await;

    for left in example().play(&world).await {
        let [pages, code @ ..] = &left[..] else { panic!("nothing was read") };
        assert!(pages.core * 100 >= pages.core_all * 80 && pages.core == pages.records(), "{pages:?}");
        let sum = |of: fn(&Counted) -> usize| code.iter().map(of).sum::<usize>();
        let (open, all_open, shown) = (sum(|one| one.core), sum(|one| one.core_all), sum(Counted::records));
        assert!(open * 100 >= all_open * 90, "{open} of {all_open} open buckets were found");
        assert!(open * 100 >= shown * 55, "{open} of {shown} are open");
    }
    match github {
        Some(site) => assert_eq!(site.writes(github::is_read), Vec::<String>::new()),
        None => assert_eq!(writes(&world, "github"), ""),
    }
    if let Some(site) = terraform {
        assert_eq!(site.writes(terraform::is_read), Vec::<String>::new());
        assert!(site.asked().iter().all(|asked| asked.header("authorization").is_empty()), "nobody is told a token");
    }
}

#[test]
fn labels_know_of_every_way_to_open_a_bucket() {
    let reads = example().reads;
    let found: Vec<usize> = reads.iter().map(|read| read.truth.count("").core_all).collect();
    assert!(found.iter().all(|count| *count >= 5), "{found:?}");
    assert!(reads.iter().all(|read| read.arguments.is_object() && read.arguments["_context"] == Value::Null));
}
