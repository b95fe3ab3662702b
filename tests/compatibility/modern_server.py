"""A server of the modern era, made with the official SDK (`mcp` 2.x): the gateway is told to ask it in 2026-07-28 only. What it
has is named as in `@modelcontextprotocol/server-everything`, so that the same steps go through both.

    python modern_server.py PORT
"""

import asyncio
import sys
from typing import Annotated

from mcp.server.mcpserver import Context, Elicit, ListRoots, MCPServer, Resolve, Sample
from mcp_types import Completion, CreateMessageResult, ListRootsResult, SamplingMessage, TextContent
from pydantic import BaseModel

DEPARTMENTS = ["Engineering", "Sales", "Marketing"]
server = MCPServer("modern")


class Person(BaseModel):
    name: str


async def whom() -> Elicit[Person]:
    return Elicit("Who is it?", Person)


async def model() -> Sample:
    return Sample([SamplingMessage(role="user", content=TextContent(type="text", text="Say it"))], max_tokens=10)


async def roots() -> ListRoots:
    return ListRoots()


@server.tool()
def echo(message: str) -> str:
    return f"Echo: {message}"


@server.tool(name="trigger-long-running-operation")
async def long_running(duration: float, steps: int, ctx: Context) -> str:
    for step in range(steps):
        await ctx.report_progress(step + 1, steps)
        await asyncio.sleep(duration / steps)
    return "Long running operation completed"


@server.tool(name="trigger-elicitation-request")
def elicitation(person: Annotated[Person, Resolve(whom)]) -> str:
    return f"Good morning, {person.name}"


@server.tool(name="trigger-sampling-request")
def sampling(prompt: str, maxTokens: int, said: Annotated[CreateMessageResult, Resolve(model)]) -> str:
    return said.content.text


@server.tool(name="get-roots-list")
def roots_list(listed: Annotated[ListRootsResult, Resolve(roots)]) -> str:
    return " ".join(str(root.uri) for root in listed.roots)


@server.tool(name="toggle-simulated-logging")
async def logging(ctx: Context) -> str:
    await ctx.info("what there is to say")
    return "said"


@server.resource("note://one")
def note() -> str:
    return "under the third stone"


@server.prompt(name="args-prompt")
def weather(city: str) -> str:
    return f"What is the weather like in {city}?"


@server.prompt(name="completable-prompt")
def completable(department: str) -> str:
    return f"Who leads {department}?"


@server.completion()
async def complete(_ref, argument, _context):
    return Completion(values=[name for name in DEPARTMENTS if name.startswith(argument.value)])


server.run("streamable-http", port=int(sys.argv[1]))
