"""One run of a client of the modern era: the official SDK (`mcp` 2.x), which asks for 2026-07-28 first.

    python client_modern.py URL TOKEN PREFIX

Prints one JSON object: what was tried, and `ok` or what went wrong.
"""

import asyncio
import json
import sys

import httpx2
import mcp
import mcp_types as types
from mcp.client.streamable_http import streamable_http_client

URL, TOKEN, PREFIX = sys.argv[1:]


async def sample(_context, _params):
    content = types.TextContent(type="text", text="sampled by the client")
    return types.CreateMessageResult(role="assistant", content=content, model="none")


def text(result):
    return "".join(getattr(block, "text", "") for block in result.content)


def expect(told, words):
    if words not in told:
        raise AssertionError(f"{words!r} is not in {told[:100]!r}")


async def main():
    seen = {}

    async def step(name, run):
        try:
            seen[name] = await asyncio.wait_for(run(), 30) or "ok"
        except Exception as error:  # what went wrong is the result
            seen[name] = f"{type(error).__name__}: {error}"[:200]

    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60) as http:
        transport = streamable_http_client(URL, http_client=http)
        async with mcp.Client(transport, sampling_callback=sample) as client:
            seen["revision"] = str(client.protocol_version)
            tools = [tool.name for tool in (await client.list_tools()).tools]
            seen["tools"] = len(tools)

            async def call():
                expect(text(await client.call_tool(f"{PREFIX}echo", {"message": "hello"})), "hello")

            async def long():
                name = next(name for name in tools if "long" in name.lower() and "running" in name.lower())
                expect(text(await client.call_tool(name, {"duration": 1, "steps": 2})), "ompleted")

            async def resources():
                listed = (await client.list_resources()).resources
                if not (await client.read_resource(str(listed[0].uri))).contents:
                    raise AssertionError("nothing in it")

            async def prompts():
                listed = (await client.list_prompts()).prompts
                plain = next(prompt for prompt in listed if not prompt.arguments)
                if not (await client.get_prompt(plain.name)).messages:
                    raise AssertionError("nothing in it")

            async def sampling():
                name = next((name for name in tools if "sampl" in name.lower()), None)
                if name is None:
                    return "not offered"
                told = text(await client.call_tool(name, {"prompt": "say it", "maxTokens": 10}))
                expect(told, "sampled by the client")

            for name, run in [("call", call), ("long call", long), ("sampling", sampling), ("resource", resources), ("prompt", prompts)]:
                await step(name, run)
    print(json.dumps(seen))


asyncio.run(main())
