"""What the official Python MCP client sees through the gateway.

Starts the server that a .mcp.json names, makes the calls that the file given with --calls lists, and prints what came
back as one JSON object. It judges nothing.
"""

import argparse
import asyncio
import json
from pathlib import Path

from mcp import Client, MCPError, StdioServerParameters


async def call(client: Client, tool: str, arguments: dict) -> dict:
    try:
        result = await client.call_tool(tool, arguments)
    except MCPError as error:
        return {"error": {"code": error.code, "message": error.message}}
    return {"result": result.model_dump(mode="json", by_alias=True, exclude_none=True)}


async def observe(entry: dict, calls: list, mode: str) -> dict:
    server = StdioServerParameters(command=entry["command"], args=entry["args"], env=entry.get("env"))
    async with Client(server, mode=mode, read_timeout_seconds=120) as client:
        tools = await client.list_tools()
        return {
            "protocol_version": client.protocol_version,
            "tools": [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools.tools],
            "answers": [await call(client, each["tool"], each["arguments"]) for each in calls],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--calls", type=Path, required=True)
    parser.add_argument("--mode", choices=["auto", "legacy"], required=True)
    arguments = parser.parse_args()
    entry = json.loads(arguments.config.read_text())["mcpServers"]["mcpctl-proxy"]
    calls = json.loads(arguments.calls.read_text())
    print(json.dumps(asyncio.run(observe(entry, calls, arguments.mode))))


main()
