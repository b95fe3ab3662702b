"""What real MCP servers need behind them to start and to answer one reading tool: Jira's and Kubernetes' REST interfaces,
and Slack's behind a proxy, since slack-mcp-server always asks slack.com."""

import json
import ssl
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

ISSUE = {
    "id": "1", "key": "SEC-7", "self": "http://jira/rest/api/2/issue/1",
    "fields": {
        "summary": "Rotate the signing key", "description": "The old one was shown on a slide.",
        "status": {"name": "Open", "statusCategory": {"name": "To Do"}}, "issuetype": {"name": "Task"},
        "priority": {"name": "High"}, "project": {"key": "SEC", "name": "Security"}, "labels": [],
        "created": "2026-11-01T09:00:00.000+0000", "updated": "2026-11-02T09:00:00.000+0000",
    },
}


def jira(path, _accept):
    if path.endswith("/serverInfo"):
        return {"version": "9.12.0", "deploymentType": "Server", "versionNumbers": [9, 12, 0]}
    if path.endswith("/myself"):
        return {"name": "ada", "displayName": "Ada", "emailAddress": "ada@example.test"}
    if "/issue/SEC-7" in path:
        return ISSUE
    if path.endswith("/search"):
        return {"startAt": 0, "maxResults": 50, "total": 1, "issues": [ISSUE]}
    return [] if path.endswith("/field") else None


def kubernetes(path, accept):
    kinds = [{"name": "namespaces", "singularName": "namespace", "namespaced": False, "kind": "Namespace",
              "verbs": ["get", "list"]}]
    resources = {"kind": "APIResourceList", "groupVersion": "v1", "resources": kinds}
    namespace = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "accounting", "uid": "1"},
                 "status": {"phase": "Active"}}
    table = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {},
             "columnDefinitions": [{"name": "Name", "type": "string", "format": "name"}],
             "rows": [{"cells": ["accounting"], "object": namespace}]}
    items = {"kind": "NamespaceList", "apiVersion": "v1", "metadata": {}, "items": [namespace]}
    return {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
        "/api/v1": resources,
        "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
        "/api/v1/namespaces": table if "as=Table" in accept else items,
    }.get(path)


def slack(path, _accept):
    method = path.rsplit("/", 1)[-1]
    user = {"id": "U1", "name": "ada", "real_name": "Ada", "team_id": "T1", "profile": {"display_name": "ada"}}
    channel = {"id": "C1", "name": "general", "is_channel": True, "is_member": True, "num_members": 1,
               "topic": {"value": "everything"}, "purpose": {"value": ""}}
    message = {"type": "message", "user": "U1", "text": "the coffee machine is back", "ts": "1790000000.000100"}
    more = {"response_metadata": {"next_cursor": ""}}
    return {
        "auth.test": {"ok": True, "url": "https://example.slack.com/", "team": "Example", "user": "ada",
                      "team_id": "T1", "user_id": "U1"},
        "users.list": {"ok": True, "members": [user], **more},
        "conversations.list": {"ok": True, "channels": [channel], **more},
        "conversations.history": {"ok": True, "messages": [message], "has_more": False, **more},
        "usergroups.list": {"ok": True, "usergroups": []},
        "client.userBoot": {"ok": True, "ims": [], "channels": [channel]},
    }.get(method, {"ok": False, "error": "unknown_method"})


def face(answer, tls=None):
    class Face(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self):
            self.skip_body()
            answered = answer(urlsplit(self.path).path, self.headers.get("Accept", ""))
            body = json.dumps({"error": "not found"} if answered is None else answered).encode()
            self.send_response(404 if answered is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = reply

        def skip_body(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            while "chunked" in self.headers.get("Transfer-Encoding", ""):
                size = int(self.rfile.readline().split(b";")[0], 16)
                self.rfile.read(size + len(b"\r\n"))
                if size == 0:
                    return

        def do_CONNECT(self):
            """Answers in the place of whoever was to be reached."""
            self.send_response(200)
            self.end_headers()
            self.connection = tls.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

        def log_message(self, *_):
            """Says nothing: the table is what is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Face)
    Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def certificate(folder):
    key, cert = folder / "slack.key", folder / "slack.pem"
    line = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=slack.com",
            "-addext", "subjectAltName=DNS:slack.com,DNS:*.slack.com", "-keyout", key, "-out", cert]
    subprocess.run(line, check=True, stderr=subprocess.DEVNULL)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    return tls
