"""One request of MCP 2026-07-28, as clients send it, and whether the answer is what it must be."""

import http.client
import json

import company

REVISION = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": REVISION, "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"}}


class Wrong(Exception):
    """An answer that is none."""


def request(method, params=None):
    """Headers and body."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**(params or {}), "_meta": META}}
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
               "MCP-Protocol-Version": REVISION, "Mcp-Method": method, "Authorization": f"Bearer {company.token()}"}
    if params and "name" in params:
        headers["Mcp-Name"] = params["name"]
    return headers, json.dumps(message, separators=(",", ":"))


def of(what):
    """The request that `what` stands for: `calls`, another tool by its name, or `listN`."""
    if what.startswith("list"):
        return request("tools/list")
    tool = "text_1k" if what == "calls" else what
    return request("tools/call", {"name": tool, "arguments": {"channel": "general", "limit": 100}})


def check(contender, what):
    """Asks once; the number of bytes of the answer."""
    headers, body = of(what)
    connection = http.client.HTTPConnection("127.0.0.1", contender.port, timeout=30)
    try:
        path = contender.path(what if what.startswith("list") else "calls")
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
    except http.client.HTTPException as error:
        raise Wrong(f"{contender.name}: {what}: {error!r}") from error
    finally:
        connection.close()
    try:
        message = json.loads(text)
        result = message["result"]
        if what.startswith("list"):
            count = len(result["tools"])
            assert count == int(what.removeprefix("list")), f"{count} tools"
        else:
            assert result["content"][0]["text"], "no text"
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise Wrong(f"{contender.name}: {what}: {answer.status} {text[:300]!r}: {error}") from error
    return len(text)
