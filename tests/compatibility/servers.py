"""The real servers: how each is started, how the gateway reaches it, and one reading call whose answer is known."""

import json
import subprocess
from dataclasses import dataclass, field
from functools import partial

import fakes
from gateway import HERE, SERVERS, free_port

NOTE = "under the third stone"


@dataclass
class Server:
    """`start(installed, running)` gives the spec of the server object; `installed` is where the clients are."""

    name: str
    package: str
    start: object
    tool: str
    arguments: dict = field(default_factory=dict)
    text: str = ""
    resource: str = ""  # words of the first resource; with them, everything else that MCP has is tried too


def stdio(command, *arguments, **environment):
    return {"transport": {"type": "stdio", "command": str(command), "args": [str(each) for each in arguments], "env": environment}}


def everything(transport, _installed, running):
    program = SERVERS / "node_modules/.bin/mcp-server-everything"
    if transport == "stdio":
        return stdio(program, "stdio")
    port = free_port()
    running.listening("server", [str(program), transport], port, PORT=str(port))
    if transport == "sse":
        return {"transport": {"type": "http", "url": f"http://127.0.0.1:{port}/sse", "sse": True}}
    return {"transport": {"type": "http", "url": f"http://127.0.0.1:{port}/mcp"}}


def modern(installed, running):
    port = free_port()
    python = installed / "mcp-2.3.0/bin/python"
    running.listening("server", [str(python), str(HERE / "modern_server.py"), str(port)], port)
    return {"transport": {"type": "http", "url": f"http://127.0.0.1:{port}/mcp"}, "era": "modern"}


def folder(running):
    """A git repository with one file and one commit, always at the same place under the home."""
    place = running.home / "repository"
    place.mkdir()
    (place / "note.txt").write_text(NOTE + "\n")
    git = ["git", "-C", str(place), "-c", "user.name=Ada", "-c", "user.email=ada@example.test"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "First light"]):
        subprocess.run(git + words, check=True)
    return place


def filesystem(_installed, running):
    return stdio(SERVERS / "node_modules/.bin/mcp-server-filesystem", folder(running))


def git(_installed, running):
    folder(running)
    return stdio(SERVERS / "python/bin/mcp-server-git")


def clock(_installed, _running):
    return stdio(SERVERS / "python/bin/mcp-server-time", "--local-timezone=UTC")


def kubernetes(_installed, running):
    port = fakes.face(fakes.kubernetes)
    cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}
    config = {"apiVersion": "v1", "kind": "Config", "clusters": [cluster], "users": [{"name": "u", "user": {"token": "none"}}],
              "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}], "current-context": "c"}
    file = running.home / "kubeconfig"
    file.write_text(json.dumps(config))
    return stdio(SERVERS / "node_modules/.bin/kubernetes-mcp-server", "--read-only", "--kubeconfig", file)


def slack(_installed, running):
    port = fakes.face(fakes.slack, fakes.certificate(running.home))
    caches = {"SLACK_MCP_USERS_CACHE": "users.json", "SLACK_MCP_CHANNELS_CACHE": "channels.json"}
    places = {name: str(running.home / file) for name, file in caches.items()}
    return stdio(SERVERS / "node_modules/.bin/slack-mcp-server", SLACK_MCP_XOXP_TOKEN="xoxp-1-2-3-4",
                 SLACK_MCP_PROXY=f"http://127.0.0.1:{port}", SLACK_MCP_SERVER_CA_INSECURE="1", **places)


def jira(_installed, _running):
    port = fakes.face(fakes.jira)
    return stdio(SERVERS / "atlassian/bin/mcp-atlassian", JIRA_URL=f"http://127.0.0.1:{port}", JIRA_PERSONAL_TOKEN="none")


def all_of_them():
    hello = {"tool": "echo", "arguments": {"message": "hello there"}, "text": "hello there"}
    package = "@modelcontextprotocol/server-everything"
    return [
        *(Server(f"everything, {transport}", package, partial(everything, transport), resource="Everything Server", **hello)
          for transport in ("stdio", "streamableHttp", "sse")),
        Server("modern", "mcp", modern, resource=NOTE, **hello),
        Server("filesystem", "@modelcontextprotocol/server-filesystem", filesystem, "read_text_file", {"path": "{home}/repository/note.txt"}, NOTE),
        Server("git", "mcp-server-git", git, "git_log", {"repo_path": "{home}/repository"}, "First light"),
        Server("time", "mcp-server-time", clock, "convert_time",
               {"source_timezone": "Europe/Rome", "time": "12:00", "target_timezone": "Asia/Tokyo"}, "Asia/Tokyo"),
        Server("kubernetes", "kubernetes-mcp-server", kubernetes, "namespaces_list", {}, "accounting"),
        Server("slack", "slack-mcp-server", slack, "conversations_history", {"channel_id": "C1"}, "coffee machine"),
        Server("jira", "mcp-atlassian", jira, "jira_get_issue", {"issue_key": "SEC-7"}, "Rotate the signing key"),
    ]
