#!/usr/bin/env python3
"""Real clients of every revision through the gateway to a real server over every transport; the table says what came of it.

    python3 tests/compatibility/run.py FOLDER [--write]

FOLDER holds what scripts/compatibility installed: one virtual environment per client, and the server. With --write the table
goes into docs/compatibility.md; otherwise it is compared with the one there, and a cell that was `ok` there has to be `ok`.
"""

import hashlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import zlib

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
FOLDER = pathlib.Path(sys.argv[1]).resolve()
PAGE = ROOT / "docs/compatibility.md"
PATIENCE_S = 60
CLIENTS = ["1.6.0", "1.9.4", "1.22.0", "1.30.0", "2.3.0"]
TRANSPORTS = ["stdio", "streamableHttp", "sse"]
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def base62(value, length):
    text = ""
    while value:
        value, digit = divmod(value, 62)
        text = ALPHABET[digit] + text
    return text.rjust(length, "0")


def token():
    """A personal token of the one user; no other gateway knows it."""
    body = base62(int.from_bytes(b"\7" * 32, "big"), 43)
    return f"mcpctl_pat_{body}" + base62(zlib.crc32(f"pat{body}".encode()), 6)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition, complaint):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise SystemExit(complaint)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Running:
    """Processes that end with the block."""

    def __init__(self):
        self.processes = []
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="compatibility-"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()

    def start(self, name, command, **environment):
        log = open(self.home / f"{name}.log", "w")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **environment})
        self.processes.append(process)
        return process

    def server(self, transport):
        """The server over `transport`; how the gateway reaches it."""
        program = str(FOLDER / "node_modules/.bin/mcp-server-everything")
        if transport == "stdio":
            return {"type": "stdio", "command": program, "args": ["stdio"]}
        port = free_port()
        self.start("server", [program, transport], PORT=str(port))
        until(lambda: listens(port), f"the server does not listen; see {self.home}/server.log")
        path = "sse" if transport == "sse" else "mcp"
        return {"type": "http", "url": f"http://127.0.0.1:{port}/{path}"}

    def gateway(self, transport):
        """A gateway before that server; where it listens."""
        program = os.environ.get("MCP_GATEWAY_BIN", str(ROOT / "target/debug/mcp-gateway"))
        digest = hashlib.sha256(token().encode()).hexdigest()
        grant = {"server": "everything", "access": "full", "allow": ["*"], "prompts": ["*"], "resources": ["*"]}
        objects = [("user", "ada", {"roles": ["developer"], "tokens": [{"id": "ada", "digest": digest}]}),
                   ("server", "everything", {"transport": self.server(transport)}),
                   ("profile", "all", grant),
                   ("project", "demo", {"profiles": ["all"], "members": ["ada"]})]
        snapshot = {"revision": 1, "issued_at": "2026-01-01T00:00:00Z",
                    "objects": [dict(kind=kind, name=name, spec=spec) for kind, name, spec in objects]}
        file = self.home / "snapshot.json"
        file.write_text(json.dumps(snapshot))
        self.start("gateway", [program, "--listen", "127.0.0.1:0", "--home", str(self.home), "--config-file", str(file)])
        address = self.home / "gateway/local/addr"
        return until(lambda: address.exists() and address.read_text(), f"the gateway does not start; see {self.home}")


def client(version, address):
    """What a client of that version gets done."""
    script = "client_modern.py" if version.startswith("2.") else "client_sessions.py"
    path = "sse" if version == "1.6.0" else "mcp"
    url = f"http://{address}/projects/demo/{path}"
    command = [str(FOLDER / f"mcp-{version}/bin/python"), str(HERE / script), url, token(), "everything_"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if lines else {"open": done.stderr.strip().splitlines()[-1:] or ["it said nothing"]}


def verdict(seen):
    steps = {name: told for name, told in seen.items() if name not in ("revision", "tools")}
    failed = [f"{name}: {told}" for name, told in steps.items() if told not in ("ok", "not offered")]
    missing = [name for name, told in steps.items() if told == "not offered"]
    if failed or not seen.get("tools"):
        return "FAILED " + "; ".join(failed)
    return "ok" + (f" ({', '.join(missing)} not offered)" if missing else "")


def main():
    rows, revisions = {}, {}
    for transport in TRANSPORTS:
        with Running() as running:
            address = running.gateway(transport)
            for version in CLIENTS:
                seen = client(version, address)
                revisions[version] = seen.get("revision", "?")
                rows[version, transport] = verdict(seen)
                print(f"{version} ({revisions[version]}) × {transport}: {rows[version, transport]}", flush=True)
    head = "| client | revision | " + " | ".join(TRANSPORTS) + " |\n|" + "---|" * (len(TRANSPORTS) + 2)
    lines = [f"| `mcp` {version} | {revisions[version]} | " + " | ".join(rows[version, t] for t in TRANSPORTS) + " |"
             for version in CLIENTS]
    table = "<!-- table -->\n" + "\n".join([head, *lines]) + "\n<!-- /table -->"
    page = PAGE.read_text()
    if "--write" in sys.argv:
        PAGE.write_text(re.sub(r"<!-- table -->.*<!-- /table -->", lambda _: table, page, flags=re.S))
        return 0
    worse = [line for line in lines if "FAILED" in line and line not in page]
    return 1 if worse else 0


sys.exit(main())
