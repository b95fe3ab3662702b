"""Codex, through its app server: lines of JSON-RPC, with which an editor lets it call a tool without asking a model."""

import json
import os
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from gateway import token

LIMIT_S = 120
# Its model is at a port where nobody listens: this run is about tools only.
CONFIG = """
model_provider = "nobody"
check_for_update_on_startup = false
[model_providers.nobody]
name = "nobody"
base_url = "http://127.0.0.1:9/v1"
[analytics]
enabled = false
[mcp_servers.demo]
url = "{url}/mcp"
bearer_token_env_var = "DEMO_TOKEN"
"""


class AppServer:
    """One running `codex app-server`, ended with the block, or when it has taken too long."""

    def __init__(self, program, home, url):
        (home / "config.toml").write_text(CONFIG.format(url=url))
        environment = {**os.environ, "CODEX_HOME": str(home), "HOME": str(home), "DEMO_TOKEN": token()}
        self.process = subprocess.Popen([program, "app-server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True, cwd=home, env=environment)
        self.limit = threading.Timer(LIMIT_S, self.process.kill)
        self.limit.start()
        self.asked = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.limit.cancel()
        # The end of its input is the end of it; the npm package is a program before the real one, and does not pass signals on.
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait()
        self.process.stdout.close()

    def tell(self, **message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def ask(self, method, **params):
        self.asked += 1
        self.tell(id=self.asked, method=method, params=params)
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") == self.asked and "method" not in message:
                if "error" in message:
                    raise RuntimeError(message["error"].get("message"))
                return message["result"]
        raise RuntimeError(f"it ended, or was ended after {LIMIT_S} s, at {method}")


@dataclass
class Codex:
    """Codex with the gateway in its configuration."""

    version: str

    @property
    def name(self):
        return f"`@openai/codex` {self.version} `app-server`"

    def visit(self, installed, url, plan):
        program = str(installed / "node_modules/.bin/codex")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, AppServer(program, Path(home), url) as server:
            try:
                server.ask("initialize", clientInfo={"name": "compatibility", "version": "1"})
                server.tell(method="initialized")
                thread = server.ask("thread/start", ephemeral=True)["thread"]["id"]
                [status] = server.ask("mcpServerStatus/list")["data"]
                name = next((tool for tool in status["tools"] if tool == plan["tool"] or tool.endswith(f"_{plan['tool']}")), None)
                if name is None:
                    return {"list": f"FAILED: {plan['tool']} is not listed; {status['toolsError']}"}
                answer = server.ask("mcpServer/tool/call", threadId=thread, server="demo", tool=name, arguments=plan["arguments"])
            except (RuntimeError, OSError) as error:
                return {"call": f"FAILED: {error}"}
        told = "".join(block.get("text", "") for block in answer["content"])
        return {"call": "ok" if plan["text"] in told else f"FAILED: {told[:200]}"}
