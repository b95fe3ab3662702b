//! Bodies that two readers could read differently, or that are more than anybody should send (cases J-01 to J-09): refused
//! before anything reaches a server, and what passes reaches it byte for byte.

use crate::{
    changing::{Changing, project, shows, tool},
    world::{Answer, MODERN, World, read, token_of},
};
use control_plane_api::audit::Decision;
use serde_json::{Value, json};

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

/// A gateway that lets Ada call `old_get` and `old_add` and never `old_wipe`.
struct Attacked {
    world: World,
    server: Changing,
}

impl Attacked {
    async fn start() -> Self {
        let mut regional = tool("regional");
        regional["inputSchema"]["properties"] = json!({"region": {"type": "string", "x-mcp-header": "Region"}});
        let server = Changing::new(&[tool("get"), tool("add"), regional]);
        let world = World::start(&project(&[server.object("old")]), &[]).await;
        shows(&world, &["get", "add", "regional"]).await;
        Self { world, server }
    }

    /// What comes back for `body`, sent with the headers of a call of `old_get`.
    async fn sends(&self, body: impl Into<reqwest::Body>) -> Answer {
        self.sends_with(
            body,
            &[("mcp-protocol-version", MODERN), ("mcp-method", "tools/call"), ("mcp-name", "old_get")],
        )
        .await
    }

    async fn sends_with(&self, body: impl Into<reqwest::Body>, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.world.http.post(self.world.url("weekly")).bearer_auth(token_of("ada"));
        for (name, value) in headers.iter().chain(&[("content-type", "application/json")]) {
            request = request.header(*name, *value);
        }
        read(request.header("accept", "application/json, text/event-stream").body(body.into()).send().await.unwrap())
            .await
    }

    /// The bodies are refused with one of `codes`, and no tool was run.
    async fn refuses<B: Into<reqwest::Body> + Clone>(&self, bodies: &[B], codes: &[i64]) {
        let before = self.server.called();
        for (at, body) in bodies.iter().enumerate() {
            let refused = self.sends(body.clone()).await;
            assert!(refused.status == 400 || refused.status == 404, "{at}: {refused:?}");
            assert!(codes.contains(&refused.error().0), "{at}: {refused:?}");
        }
        assert_eq!(self.server.called(), before, "the truth log");
    }

    /// The body is answered, and its arguments reach the server just so.
    async fn passes(&self, arguments: &str) {
        let answer = self.sends(call("old_get", arguments)).await;
        assert_eq!(answer.told()["name"], "get", "{arguments}: {answer:?}");
        let last = self.server.truth().lines().last().unwrap().to_owned();
        assert!(last.contains(&format!(r#""arguments":{arguments}"#)), "{arguments} in {last}");
    }
}

fn call(name: &str, arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{name}","arguments":{arguments},{META}}}}}"#
    )
}

#[tokio::test]
async fn j_01_names_that_are_there_twice_in_any_spelling() {
    let attacked = Attacked::start().await;
    let good = call("old_get", "{}");
    attacked.passes("{}").await;
    let after = |place: &str, more: &str| good.replacen(place, &format!("{place}{more}"), 1);
    let twice = [
        after(r#""name":"old_get","#, r#""name":"old_wipe","#),
        after(r#""name":"old_get","#, r#""n\u0061me":"old_wipe","#),
        after(r#""params":{"#, r#""\u006e\u0061\u006d\u0065":"old_wipe","#),
        after(r#""id":7,"#, r#""id":8,"#),
        after(r#""id":7,"#, r#""method":"tools/list","#),
        after(r#""id":7,"#, r#""params":{"name":"old_wipe","arguments":{}},"#),
        after(r#""id":7,"#, r#""p\u0061rams":{"name":"old_wipe"},"#),
        good.replace(r#""arguments":{}"#, r#""arguments":{"path":"/safe","path":"/etc"}"#),
        good.replace(r#""arguments":{}"#, r#""arguments":{"a":{"b":[{"c":1,"\u0063":2}]}}"#),
        good.replace(r#""arguments":{}"#, r#""arguments":{},"arguments":{"x":1}"#),
        good.replace(r#""_meta":{"#, r#""_meta":{"x":1,"x":2,"#),
    ];
    attacked.refuses(&twice, &[-32700]).await;
    let cased = [
        after(r#""name":"old_get","#, r#""Name":"old_wipe","#),
        after(r#""name":"old_get","#, r#""NAME":"old_wipe","#),
        after(r#""name":"old_get","#, r#""N\u0061me":"old_wipe","#),
        after(r#""name":"old_get","#, r#""Arguments":{"x":1},"#),
        after(r#""name":"old_get","#, "\"argument\u{17f}\":{\"x\":1},"),
        after(r#""name":"old_get","#, r#""Uri":"file:///etc/passwd","#),
        after(r#""id":7,"#, r#""Method":"tools/list","#),
        after(r#""id":7,"#, r#""Params":{"name":"old_wipe"},"#),
        after(r#""id":7,"#, "\"param\u{17f}\":{\"name\":\"old_wipe\"},"),
        after(r#""id":7,"#, r#""ID":8,"#),
        good.replace(r#""params""#, r#""Params""#),
        good.replace(r#""method""#, r#""METHOD""#),
    ];
    attacked.refuses(&cased, &[-32600, -32700]).await;
}

#[tokio::test]
async fn j_02_texts_that_are_not_one_value_in_utf_8() {
    let attacked = Attacked::start().await;
    let good = call("old_get", "{}");
    let with = |arguments: &[u8]| {
        let (head, tail) = good.split_once(r#""arguments":{}"#).unwrap();
        [head.as_bytes(), br#""arguments":{"a":"#, arguments, b"}", tail.as_bytes()].concat()
    };
    let utf_16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bodies: Vec<Vec<u8>> = vec![
        format!("{good}x").into(),
        format!("{good}{good}").into(),
        format!("{good}\n{good}\n").into(),
        format!("{good}\0").into(),
        format!("\u{feff}{good}").into(),
        utf_16,
        with(b"\"\xff\""),
        with(b"\"\xc0\xae\xc0\xae/\""),
        with(b"\"\xed\xa0\x80\""),
        with(b"\"\xf5\x80\x80\x80\""),
        with(br#""\ud800""#),
        with(br#""\udc00\ud800""#),
        with(b"\"a\0b\""),
        with(b"\"a\nb\""),
        with(br#""\x41""#),
        with(b"'a'"),
        with(b"1/* one */"),
        with(b"1//\n"),
        with(b"[1,]"),
        with(b"{\"b\":1,}"),
        with(b"{b:1}"),
        with(b"undefined"),
        with(b"\"not closed"),
        good.as_bytes()[..good.len() - 1].to_vec(),
        Vec::new(),
        b" ".to_vec(),
    ];
    attacked.refuses(&bodies, &[-32700]).await;
    attacked.passes(r#"{"a":"\ud83d\ude00\u0000 \/ é"}"#).await;
}

#[tokio::test]
async fn j_03_numbers_pass_digit_by_digit_or_not_at_all() {
    let attacked = Attacked::start().await;
    let bad = [
        "NaN",
        "Infinity",
        "-Infinity",
        "0x1",
        "01",
        "-01",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e400",
        "-1e999",
        "1_000",
        "--1",
        "-",
    ];
    let long = "9".repeat(400);
    let bodies: Vec<String> =
        bad.iter().chain([&long.as_str()]).map(|number| call("old_get", &format!(r#"{{"n":{number}}}"#))).collect();
    attacked.refuses(&bodies, &[-32700]).await;
    let exact = "9".repeat(300);
    for number in [
        "1.0",
        "1e0",
        "1E+2",
        "-0",
        "-0.0",
        "9007199254740993",
        "18446744073709551616",
        "1.7976931348623157e308",
        "1e-400",
        "0.1000000000000000055511151231257827",
        exact.as_str(),
    ] {
        attacked.passes(&format!(r#"{{"n":{number}}}"#)).await;
    }
}

#[tokio::test]
async fn j_04_nesting_has_a_bound_wherever_it_is() {
    let attacked = Attacked::start().await;
    let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let listed = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let good = call("old_get", "{}");
    let mut bodies = Vec::new();
    for depth in [65, 128, 129, 10_000, 100_000] {
        bodies.push(call("old_get", &nested(depth)));
        bodies.push(good.replace(r#""arguments":{}"#, &format!(r#""arguments":{{"a":{}}}"#, listed(depth))));
        bodies.push(good.replace(r#""id":7,"#, &format!(r#""id":7,"nobody":{},"#, listed(depth))));
        bodies.push(good.replace(r#""_meta":{"#, &format!(r#""_meta":{{"x":{},"#, nested(depth))));
    }
    attacked.refuses(&bodies, &[-32700]).await;
    attacked.passes(&nested(60)).await;
}

#[tokio::test]
async fn j_05_size_has_a_bound() {
    let attacked = Attacked::start().await;
    let before = attacked.server.called();
    let long = call("old_get", &format!(r#"{{"a":"{}"}}"#, "x".repeat(16 << 20)));
    // The refusal may come while the body is still being sent.
    let request = attacked.world.http.post(attacked.world.url("weekly")).bearer_auth(token_of("ada"));
    let sent = request.header("content-type", "application/json").body(long).send().await;
    assert!(sent.map_or(true, |answer| answer.status() == 413));
    let batch = format!("[{}]", vec![r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#; 10_000].join(","));
    let refused = attacked.sends_with(batch, &[]).await;
    assert_eq!((refused.status, refused.error().0), (400, -32600), "{refused:?}");
    assert_eq!(attacked.server.called(), before);
    // Names by which a table that is not seeded would be flooded; each is looked at once.
    let names: Vec<String> = (0..200_000).map(|n| format!(r#""{n:x}":0"#)).collect();
    attacked.passes(&format!("{{{}}}", names.join(","))).await;
}

#[tokio::test]
async fn j_06_batches_belong_to_one_revision_and_never_to_a_modern_client() {
    let attacked = Attacked::start().await;
    let good = call("old_get", "{}");
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#;
    let bodies =
        ["[]".to_owned(), format!("[{good}]"), format!("[{list},{good}]"), format!("[[{list}]]"), "[1]".to_owned()];
    attacked.refuses(&bodies, &[-32600]).await;
    let before = attacked.server.called();
    for version in ["2025-06-18", "2025-11-25", MODERN] {
        let refused = attacked.sends_with(format!("[{list}]"), &[("mcp-protocol-version", version)]).await;
        assert_eq!((refused.status, refused.error().0), (400, -32600), "{version}: {refused:?}");
    }
    assert_eq!(attacked.server.called(), before);
}

#[tokio::test]
async fn j_07_an_answer_has_the_very_id_that_was_asked_with() {
    let attacked = Attacked::start().await;
    let with = |id: &str| call("old_get", "{}").replace(r#""id":7"#, &format!(r#""id":{id}"#));
    let bad: Vec<String> = ["null", "true", "[]", "{}", "[7]", "1.5"].map(with).to_vec();
    attacked.refuses(&bad, &[-32600]).await;
    let long = format!("\"{}\"", "i".repeat(300));
    for id in ["\"1\"", "1", "-1", "0", "\"\"", "\"a\\u0000b\"", "9007199254740991", long.as_str()] {
        let answer = attacked.sends(with(id)).await;
        assert_eq!(answer.last()["id"], serde_json::from_str::<Value>(id).unwrap(), "{answer:?}");
        assert_eq!(answer.told()["name"], "get");
    }
    // The same id in flight many times, as a number and as a text.
    let calls = (0..40).map(async |n| {
        let id = if n % 2 == 0 { "5" } else { "\"5\"" };
        let body = call("old_get", &format!(r#"{{"n":{n}}}"#)).replace(r#""id":7"#, &format!(r#""id":{id}"#));
        let answer = attacked.sends(body).await;
        let id: Value = serde_json::from_str(id).unwrap();
        answer.messages.len() == 1 && answer.last()["id"] == id && answer.told()["arguments"]["n"] == n
    });
    assert!(futures::future::join_all(calls).await.into_iter().all(|is_own| is_own));
}

#[tokio::test]
async fn j_08_what_is_no_request_of_a_client_is_refused_and_written_down() {
    let attacked = Attacked::start().await;
    let good = call("old_get", "{}");
    let bodies = [
        good.replace(r#""id":7,"#, r#""id":7,"result":{},"#),
        good.replace(r#""id":7,"#, r#""id":7,"error":{"code":1,"message":""},"#),
        r#"{"jsonrpc":"2.0","id":7,"result":{}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"x"}}"#.to_owned(),
        good.replace(r#""id":7,"#, ""),
        good.replace(r#""jsonrpc":"2.0","#, ""),
        good.replace(r#""jsonrpc":"2.0""#, r#""jsonrpc":"1.0""#),
        good.replace(r#""method":"tools/call""#, r#""method":["tools/call"]"#),
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":["old_get"]}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":"old_get"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":7}"#.to_owned(),
        "7".to_owned(),
        "null".to_owned(),
        "\"tools/call\"".to_owned(),
    ];
    attacked.refuses(&bodies, &[-32600]).await;
    let before = attacked.server.truth();
    for method in [
        "Tools/Call",
        "tools/call ",
        "TOOLS/CALL",
        "rpc.discover",
        "tools/call/",
        "tools//call",
        "tools/cal\u{217c}",
        "",
    ] {
        let body = good.replace("tools/call", method);
        let header = format!("=?base64?{}?=", base64(method));
        let headers = [("mcp-protocol-version", MODERN), ("mcp-method", header.as_str())];
        let refused = attacked.sends_with(body, &headers).await;
        assert!(
            refused.status >= 400 && matches!(refused.error().0, -32601 | -32600 | -32020),
            "{method}: {refused:?}"
        );
        let denied =
            |event: &control_plane_api::audit::AuditEvent| event.method == method && event.decision == Decision::Deny;
        assert!(
            refused.error().0 != -32601 || attacked.world.audit().iter().any(denied),
            "{method} is in the audit log"
        );
    }
    assert_eq!(attacked.server.truth(), before, "none of them reached the server");
}

#[tokio::test]
async fn j_09_headers_say_what_the_body_says() {
    let attacked = Attacked::start().await;
    let (version, method, name) =
        (("mcp-protocol-version", MODERN), ("mcp-method", "tools/call"), ("mcp-name", "old_get"));
    let encoded = format!("=?base64?{}?=", base64("old_get"));
    let other = format!("=?base64?{}?=", base64("old_wipe"));
    let good = call("old_get", "{}");
    let before = attacked.server.called();
    for (at, headers) in [
        vec![version, method],
        vec![version, name],
        vec![method, name],
        vec![version, method, ("mcp-name", "old_add")],
        vec![version, method, ("mcp-name", "OLD_GET")],
        vec![version, method, ("mcp-name", "old_get, old_add")],
        vec![version, method, ("mcp-name", "")],
        vec![version, method, ("mcp-name", &other)],
        vec![version, method, ("mcp-name", "=?base64?!!!?=")],
        vec![version, method, name, name],
        vec![version, method, name, ("mcp-name", "old_add")],
        vec![version, ("mcp-method", "tools/list"), name],
        vec![version, method, method, name],
        vec![("mcp-protocol-version", "2025-11-25"), method, name],
        vec![("mcp-protocol-version", "2026-07-29"), method, name],
        vec![version, version, method, name],
    ]
    .into_iter()
    .enumerate()
    {
        let refused = attacked.sends_with(good.clone(), &headers).await;
        assert_eq!((refused.status, refused.error().0), (400, -32020), "{at}: {refused:?}");
    }
    let regional = call("old_regional", r#"{"region":"eu"}"#);
    let named = [version, method, ("mcp-name", "old_regional")];
    for (at, params) in [
        vec![],
        vec![("mcp-param-region", "us")],
        vec![("mcp-param-region", "eu"), ("mcp-param-region", "us")],
        vec![("mcp-param-region", "EU")],
    ]
    .into_iter()
    .enumerate()
    {
        let refused = attacked.sends_with(regional.clone(), &[&named[..], &params].concat()).await;
        assert_eq!((refused.status, refused.error().0), (400, -32020), "{at}: {refused:?}");
    }
    assert_eq!(attacked.server.called(), before);
    // An older claim in the body is what counts for an older client: the headers of modern ones give it nothing.
    let old = good.replace(META, r#""_meta":{}"#);
    let refused =
        attacked.sends_with(old, &[("mcp-protocol-version", "2025-11-25"), method, ("mcp-name", "old_add")]).await;
    assert!(refused.status >= 400, "{refused:?}");
    assert_eq!(attacked.server.called(), before);
    for headers in [vec![version, method, name], vec![version, method, ("mcp-name", &encoded)]] {
        assert_eq!(attacked.sends_with(good.clone(), &headers).await.told()["name"], "get");
    }
    let headers = [&named[..], &[("mcp-param-region", "eu")]].concat();
    assert_eq!(attacked.sends_with(regional, &headers).await.told()["arguments"], json!({"region": "eu"}));
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(text)
}
