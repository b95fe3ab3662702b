"""The clients: the official Python SDKs of their time, and programs that people use. Each tells what came of every step."""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass

from codex import Codex
from gateway import HERE, token

LIMIT_S = 400


def run(command, folder=None, **environment):
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, cwd=folder, stdin=subprocess.DEVNULL,
                          env={**os.environ, **environment})


def said(done):
    """The end of it."""
    told = " ".join((done.stdout + done.stderr).split())
    return told[-200:] or f"ended with {done.returncode}, and said nothing"


@dataclass
class Sdk:
    """A release of the official Python SDK."""

    version: str
    path: str = "mcp"

    @property
    def name(self):
        return f"`mcp` {self.version}"

    def visit(self, installed, url, plan):
        command = [str(installed / f"mcp-{self.version}/bin/python"), str(HERE / "client.py")]
        done = run([*command, f"{url}/{self.path}", token(), json.dumps(plan)])
        try:
            return json.loads(done.stdout.strip().splitlines()[-1])
        except (IndexError, ValueError):
            return {"open": f"FAILED: {said(done)}"}


@dataclass
class Inspector:
    """The command line of the official inspector: one program run for each request."""

    version: str

    @property
    def name(self):
        return f"`@modelcontextprotocol/inspector` {self.version} `--cli`"

    def visit(self, installed, url, plan):
        base = [str(installed / "node_modules/.bin/mcp-inspector"), "--cli", f"{url}/mcp", "--transport", "http",
                "--header", f"Authorization: Bearer {token()}", "--method"]
        listed = run([*base, "tools/list"])
        try:
            tools = [tool["name"] for tool in json.loads(listed.stdout)["tools"]]
            name = next(tool for tool in tools if tool == plan["tool"] or tool.endswith(f"_{plan['tool']}"))
        except (ValueError, KeyError, StopIteration):
            return {"list": f"FAILED: {said(listed)}"}
        arguments = [f"{name}={value}" for name, value in plan["arguments"].items()]
        called = run([*base, "tools/call", "--tool-name", name, *(["--tool-arg", *arguments] if arguments else [])])
        fine = called.returncode == 0 and plan["text"] in called.stdout
        return {"call": "ok" if fine else f"FAILED: {said(called)}"}


@dataclass
class ClaudeCode:
    """Claude Code's own look at whether a server works: it opens, and lists tools. It calls one only for a model."""

    version: str

    @property
    def name(self):
        return f"Claude Code {self.version} `mcp list`"

    def visit(self, _installed, url, _plan):
        with tempfile.TemporaryDirectory() as home:
            own = {"HOME": home, "CLAUDE_CONFIG_DIR": f"{home}/.claude", "DISABLE_AUTOUPDATER": "1",
                   "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
            claude = os.environ["E2E_CLAUDE"]
            added = run([claude, "mcp", "add", "--scope", "user", "--transport", "http", "demo", f"{url}/mcp",
                         "--header", f"Authorization: Bearer {token()}"], home, **own)
            if added.returncode:
                return {"add": f"FAILED: {said(added)}"}
            listed = run([claude, "mcp", "list"], home, **own)
            return {"open": "ok" if "✔ Connected" in listed.stdout else f"FAILED: {said(listed)}"}


def all_of_them(versions):
    clients = [Sdk("1.6.0", "sse"), Sdk("1.9.4"), Sdk("1.22.0"), Sdk("1.30.0"), Sdk("2.3.0"), Inspector(versions["inspector"]),
               Codex(versions["codex"])]
    if os.environ.get("E2E_CLAUDE"):
        clients.append(ClaudeCode(versions["claude"]))
    return clients
