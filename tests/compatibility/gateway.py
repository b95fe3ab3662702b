"""A gateway before one server, started from a snapshot file."""

import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import zlib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SERVERS = ROOT / "target/tools/servers"  # from scripts/setup
PATIENCE_S = 60
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
    raise RuntimeError(complaint)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Running:
    """Processes that end with the block, and a folder for them, which goes too unless it is worth a look."""

    def __init__(self):
        self.processes, self.keep = [], False
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="compatibility-"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self.keep:
            print(f"what they logged is in {self.home}", flush=True)
        else:
            shutil.rmtree(self.home, ignore_errors=True)

    def start(self, name, command, **environment):
        with open(self.home / f"{name}.log", "w") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **environment})
        self.processes.append(process)

    def listening(self, name, command, port, **environment):
        """Starts what listens on `port`."""
        self.start(name, command, **environment)
        until(lambda: listens(port), f"{name} does not listen; see {self.home}/{name}.log")

    def gateway(self, spec):
        """A gateway before the server of that spec; the URL of its project."""
        program = os.environ.get("MCP_GATEWAY_BIN", str(ROOT / "target/debug/mcp-gateway"))
        digest = hashlib.sha256(token().encode()).hexdigest()
        grant = {"server": "real", "access": "full", "allow": ["*"], "prompts": ["*"], "resources": ["*"]}
        objects = [("user", "ada", {"roles": ["developer"], "tokens": [{"id": "ada", "digest": digest}]}),
                   ("server", "real", spec),
                   ("profile", "all", grant),
                   ("project", "demo", {"profiles": ["all"], "members": ["ada"]})]
        snapshot = {"revision": 1, "issued_at": "2026-01-01T00:00:00Z",
                    "objects": [dict(kind=kind, name=name, spec=spec) for kind, name, spec in objects]}
        file = self.home / "snapshot.json"
        file.write_text(json.dumps(snapshot))
        self.start("gateway", [program, "--listen", "127.0.0.1:0", "--home", str(self.home), "--config-file", str(file)])
        place = self.home / "gateway/local/addr"
        address = until(lambda: place.exists() and place.read_text(), f"the gateway does not start; see {self.home}/gateway.log")
        return f"http://{address}/projects/demo"
