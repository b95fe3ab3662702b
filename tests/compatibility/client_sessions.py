"""One run of a client of the session era: an official SDK (`mcp` 1.x), whatever revision it speaks.

    python client_sessions.py URL TOKEN PREFIX

Prints one JSON object: what was tried, and `ok` or what went wrong.
"""

import asyncio
import json
import sys
from datetime import timedelta

import mcp.types as types
from mcp import ClientSession
from mcp.client.sse import sse_client

URL, TOKEN, PREFIX = sys.argv[1:]
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


def connect():
    if URL.endswith("/sse"):
        return sse_client(URL, headers=HEADERS)
    from mcp.client.streamable_http import streamablehttp_client
    return streamablehttp_client(URL, headers=HEADERS)


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

    async with connect() as streams:
        patience = timedelta(seconds=30)
        async with ClientSession(streams[0], streams[1], patience, sampling_callback=sample) as session:
            opened = await session.initialize()
            seen["revision"] = opened.protocolVersion
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            seen["tools"] = len(tools)
            named = lambda name: f"{PREFIX}{name}"

            async def call():
                expect(text(await session.call_tool(named("echo"), {"message": "hello"})), "hello")

            async def long():
                arguments = {"duration": 1, "steps": 2}
                name = next(name for name in tools if "long" in name.lower() and "running" in name.lower())
                expect(text(await session.call_tool(name, arguments)), "ompleted")

            async def sampling():
                name = next((name for name in tools if "sampl" in name.lower()), None)
                if name is None:
                    return "not offered"
                expect(text(await session.call_tool(name, {"prompt": "say it", "maxTokens": 10})), "sampled by the client")

            async def resources():
                listed = (await session.list_resources()).resources
                if not (await session.read_resource(listed[0].uri)).contents:
                    raise AssertionError("nothing in it")

            async def prompts():
                listed = (await session.list_prompts()).prompts
                plain = next(prompt for prompt in listed if not prompt.arguments)
                if not (await session.get_prompt(plain.name)).messages:
                    raise AssertionError("nothing in it")

            for name, run in [("call", call), ("long call", long), ("sampling", sampling),
                              ("resource", resources), ("prompt", prompts)]:
                await step(name, run)
    print(json.dumps(seen))


asyncio.run(main())
