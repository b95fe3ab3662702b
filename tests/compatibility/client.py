"""What one release of the official Python SDK can do through the gateway with one server, and in which revision. Runs with every
release from 1.6.0 (2024-11-05) to 2.3.0 (2026-07-28), and judges only whether the answers hold the expected words.

    client.py URL TOKEN PLAN    PLAN: JSON with `tool`, `arguments`, `text`, `resource`

Prints one JSON object: the revision, the names of the tools, and for each step `ok`, `n/a: …` or `FAILED: …`.
"""

import asyncio
import inspect
import json
import sys
import traceback
from contextlib import asynccontextmanager

import mcp
from mcp import ClientSession, types

STEP_SECONDS = 40
QUESTION = "the answer of the model"


class Unsupported(Exception):
    """The client has no way to do it."""


def known(function, **keywords):
    """Only what this release knows."""
    parameters = inspect.signature(function).parameters
    return {name: value for name, value in keywords.items() if name in parameters}


class Seen:
    def __init__(self):
        self.logs, self.progress, self.revision, self.resource = 0, 0, None, ""

    async def log(self, _params):
        self.logs += 1

    async def on_progress(self, *_arguments):
        self.progress += 1

    async def message(self, message):
        inner = getattr(message, "root", message)
        self.progress += getattr(inner, "method", "") == "notifications/progress"


async def sample(_context, _params):
    content = types.TextContent(type="text", text=QUESTION)
    return types.CreateMessageResult(**members(role="assistant", content=content, model="scripted", stopReason="endTurn"))


def members(**wire):
    """Members by their names on the wire; the newest release has others in Python, and takes both."""
    return wire


async def elicit(_context, params):
    name = "requestedSchema" if hasattr(params, "requestedSchema") else "requested_schema"
    properties = (getattr(params, name, None) or {}).get("properties", {})
    content = {"name": "Ada"} if "name" in properties else {}
    return types.ElicitResult(action="accept", content=content)


async def roots(_context):
    return types.ListRootsResult(roots=[types.Root(uri="file:///tmp/ada", name="ada")])


class Old:
    """A session of the releases before 2."""

    def __init__(self, session, seen):
        self.session, self.seen = session, seen

    async def call(self, name, arguments, on_progress=None):
        if on_progress is None or "progress_callback" in inspect.signature(self.session.call_tool).parameters:
            return await self.session.call_tool(name, arguments, **known(self.session.call_tool, progress_callback=on_progress))
        params = types.CallToolRequestParams(name=name, arguments=arguments, _meta={"progressToken": 4242})
        request = types.ClientRequest(types.CallToolRequest(method="tools/call", params=params))
        return await self.session.send_request(request, types.CallToolResult)

    async def complete(self, prompt, argument):
        return await self.session.complete(types.PromptReference(type="ref/prompt", name=prompt), argument)

    async def set_level(self):
        await self.session.set_logging_level("debug")

    def __getattr__(self, name):
        return getattr(self.session, name)


class New(Old):
    """A client of release 2."""

    async def call(self, name, arguments, on_progress=None):
        return await self.session.call_tool(name, arguments, progress_callback=on_progress)

    async def set_level(self):
        """The level goes along with every request."""


@asynccontextmanager
async def opened(url, headers, seen):
    callbacks = dict(sampling_callback=sample, elicitation_callback=elicit, list_roots_callback=roots,
                     logging_callback=seen.log, message_handler=seen.message)
    if hasattr(mcp, "Client"):
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        async with httpx2.AsyncClient(headers=headers, timeout=STEP_SECONDS) as http:
            async with mcp.Client(streamable_http_client(url, http_client=http), log_level="debug", **callbacks) as client:
                seen.revision = client.protocol_version
                yield New(client, seen)
        return
    if url.endswith("/sse"):
        from mcp.client.sse import sse_client

        transport = sse_client(url, headers=headers)
    else:
        from mcp.client.streamable_http import streamablehttp_client

        transport = streamablehttp_client(url, headers=headers)
    async with transport as streams:
        async with ClientSession(streams[0], streams[1], **known(ClientSession.__init__, **callbacks)) as session:
            answer = await session.initialize()
            seen.revision = answer.protocolVersion
            yield Old(session, seen)


def text_of(result):
    return "\n".join(getattr(block, "text", "") or "" for block in result.content)


def expect(text, part):
    if part not in text:
        raise AssertionError(f"`{part}` is not in `{text[:300]}`")


async def exposed(client, wanted):
    """The name under which the gateway shows the tool: the same, or with the server's name before it."""
    names = [tool.name for tool in (await client.list_tools()).tools]
    found = [name for name in names if name == wanted or name.endswith("_" + wanted)]
    if not found:
        raise AssertionError(f"`{wanted}` is not listed")
    return found[0]


async def call(client, tool, arguments, text, **more):
    answer = await client.call(await exposed(client, tool), arguments, **more)
    expect(text_of(answer), text)


async def progress(client):
    await call(client, "trigger-long-running-operation", {"duration": 1, "steps": 3}, "completed", on_progress=client.seen.on_progress)
    if client.seen.progress < 2:
        raise AssertionError(f"{client.seen.progress} notifications of progress")


async def sampling(client):
    await call(client, "trigger-sampling-request", {"prompt": "hello", "maxTokens": 10}, QUESTION)


async def elicitation(client):
    if not hasattr(types, "ElicitResult"):
        raise Unsupported("the revision has no elicitation")
    await call(client, "trigger-elicitation-request", {}, "Ada")


async def asked_for_roots(client):
    await call(client, "get-roots-list", {}, "file:///tmp/ada")


async def resource(client):
    found = [each.uri for each in (await client.list_resources()).resources]
    read = await client.read_resource(found[0])
    expect(read.contents[0].text, client.seen.resource)


async def prompt(client):
    names = [each.name for each in (await client.list_prompts()).prompts]
    name = next(name for name in names if name.endswith("args-prompt"))
    got = await client.get_prompt(name, {"city": "Turin"})
    expect(got.messages[0].content.text, "Turin")


async def completion(client):
    names = [each.name for each in (await client.list_prompts()).prompts]
    name = next(name for name in names if name.endswith("completable-prompt"))
    got = await client.complete(name, {"name": "department", "value": "E"})
    expect(" ".join(got.completion.values), "Engineering")


async def logging(client):
    await client.set_level()
    before = client.seen.logs
    tool = await exposed(client, "toggle-simulated-logging")
    await client.call(tool, {})
    # The first message comes with the answer, or soon after it.
    for _ in range(80):
        if client.seen.logs > before:
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError("no log message came")
    await client.call(tool, {})


async def cancellation(client):
    tool = await exposed(client, "trigger-long-running-operation")
    task = asyncio.create_task(client.call(tool, {"duration": 30, "steps": 3}))
    await asyncio.sleep(1)
    if not isinstance(client, New):
        params = types.CancelledNotificationParams(requestId=client.session._request_id - 1)
        note = types.CancelledNotification(method="notifications/cancelled", params=params)
        await client.session.send_notification(types.ClientNotification(note))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await call(client, "echo", {"message": "still here"}, "still here")


FEATURES = {
    "progress": progress, "sampling": sampling, "elicitation": elicitation, "roots": asked_for_roots,
    "resources/read": resource, "prompts/get": prompt, "completion": completion, "logging": logging,
    "call after a cancelled one": cancellation,
}


def cause(error):
    """The first that went wrong of those that came together."""
    while getattr(error, "exceptions", None):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


async def step(row, name, work):
    try:
        async with asyncio.timeout(STEP_SECONDS):
            await work
        row[name] = "ok"
    except Unsupported as reason:
        row[name] = f"n/a: {reason}"
    except Exception as error:
        traceback.print_exc()
        row[name] = f"FAILED: {cause(error)}"


async def visit(url, token, plan):
    seen, row = Seen(), {}
    seen.resource = plan["resource"]
    try:
        async with opened(url, {"Authorization": f"Bearer {token}"}, seen) as client:
            row["revision"] = seen.revision
            await step(row, "call", call(client, plan["tool"], plan["arguments"], plan["text"]))
            for name, feature in FEATURES.items() if plan["resource"] else ():
                await step(row, name, feature(client))
    except BaseException as error:
        traceback.print_exc()
        row["open and close"] = f"FAILED: {cause(error)}"
    return row


async def main():
    url, token, plan = sys.argv[1:]
    print(json.dumps(await visit(url, token, json.loads(plan))))


asyncio.run(main())
