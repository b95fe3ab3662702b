"""What the gateway is told: one user, the mock upstream as several servers with credentials, a project for each kind of round."""

import hashlib
import json
import time
import zlib
from pathlib import Path

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Nothing here is to be refused for being too much: the costs of a call are measured, not its limits.
LIMITS = {
    "exchanges_max": 100_000, "exchanges_waiting_max": 100_000, "principal_calls_at_once_max": 100_000,
    "principal_calls_per_minute_max": 1_000_000_000, "principal_streams_max": 100_000,
    "upstream_calls_at_once_max": 10_000,
}
LIST_SERVERS = 10
# The servers' credentials by name, and what those of their kind begin with. Every result is searched for them.
CREDENTIALS = {"slack-token": "xoxb-", "github-token": "ghp_", "jira-token": "ATATT3xFfGF0"}


def base62(number, width):
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return digits.rjust(width, "0")


def token():
    """A user's token in the form that gateways accept (control-plane/api/src/token.rs)."""
    body = base62(int.from_bytes(hashlib.sha256(b"bench").digest(), "big"), 43)
    return f"mcpctl_pat_{body}{base62(zlib.crc32(b'pat' + body.encode()), 6)}"


def variable(credential):
    """Where the gateway finds the value of a credential."""
    return "BENCH_" + credential.upper().replace("-", "_")


def environment():
    """What the gateway has to be started with."""
    value = {name: base62(int.from_bytes(hashlib.sha256(name.encode()).digest(), "big"), 43) for name in CREDENTIALS}
    return {variable(name): begins + value[name] for name, begins in CREDENTIALS.items()}


def server(name, url, prefix=None):
    credential = list(CREDENTIALS)[zlib.crc32(name.encode()) % len(CREDENTIALS)]
    headers = {"Authorization": {"secret": credential, "prefix": "Bearer "}}
    spec = {"transport": {"type": "http", "url": url, "headers": headers}, "era": "modern",
            "tools": [{"tool": "*", "class": "read"}]}
    if prefix is not None:
        spec["prefix"] = prefix
    return {"kind": "server", "name": name, "spec": spec}


def project(name, servers, relevance):
    profiles = [{"kind": "profile", "name": f"{name}-{each}", "spec": {"server": each}} for each in servers]
    spec = {"profiles": [profile["name"] for profile in profiles], "members": ["ada"], "relevance": relevance}
    return [*profiles, {"kind": "project", "name": name, "spec": spec}]


def objects(upstream):
    """`upstream` is a URL without a path."""
    whole = {"enabled": False, "budget_tokens": 0}
    wide = [f"wide{n}" for n in range(LIST_SERVERS)]
    grant = {"id": "t-1", "digest": hashlib.sha256(token().encode()).hexdigest()}
    made = [{"kind": "user", "name": "ada", "spec": {"roles": ["developer"], "tokens": [grant]}}]
    made += [{"kind": "secret", "name": name, "spec": {"sealed": f"env:{variable(name)}"}} for name in CREDENTIALS]
    made += [server("calls", f"{upstream}/mcp", ""), server("ten", f"{upstream}/tools/10/mcp"),
             server("hundred", f"{upstream}/tools/100/mcp")]
    made += [server(name, f"{upstream}/tools/100/mcp") for name in wide]
    made += project("calls", ["calls"], whole) + project("filtered", ["calls"], {"enabled": True})
    made += project("list10", ["ten"], whole) + project("list100", ["hundred"], whole)
    made += project("list1000", wide, whole)
    return made


def crowd(upstream, count):
    """The same with so many servers that there are `count`."""
    made = objects(upstream)
    have = sum(each["kind"] == "server" for each in made)
    names = [f"more{n}" for n in range(max(0, count - have))]
    return made + [server(name, f"{upstream}/tools/10/mcp") for name in names] + project("more", names, {})


def write(path, made):
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    snapshot = {"revision": 1, "issued_at": now, "objects": made, "limits": LIMITS}
    Path(path).write_text(json.dumps(snapshot))
