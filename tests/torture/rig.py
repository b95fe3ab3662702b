"""A real gateway in front of a real server, clients that call it, and the proof afterwards.

The server (mock-slack) writes down every message it was made to post: the truth. The clients remember which calls they
were answered: the acknowledgements. Whatever happens to the gateway in between, afterwards

    truth            is among the intents of its audit log,
    acknowledgements are among the outcomes that are known,
    every intent     has one outcome, and
    the chain        holds: every record has the hash of the one before it.
"""

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import time
import zlib
from pathlib import Path

PATIENCE_S = 60
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TOOL = "slack_post_message"
VERSION = "2026-07-28"


def base62(number, width):
    text = ""
    while number:
        number, digit = divmod(number, 62)
        text = ALPHABET[digit] + text
    return text.rjust(width, "0")


def token():
    """A personal token of 256 bits that are no secret."""
    body = base62(int.from_bytes(b"\x07" * 32, "big"), 43)
    return "mcpctl_pat_" + body + base62(zlib.crc32(b"pat" + body.encode()), 6)


def snapshot(server, truth):
    user = {"roles": ["developer"], "tokens": [{"id": "t", "digest": hashlib.sha256(token().encode()).hexdigest()}]}
    stdio = {"type": "stdio", "command": str(server), "args": ["--state-file", str(truth)],
             "env": {"SLACK_BOT_TOKEN": "xoxb-1-torture"}}
    slack = {"transport": stdio, "prefix": "", "tools": [{"tool": "*", "class": "write"}],
             "relevance": {"enabled": False, "budget_tokens": 0}}
    objects = [
        {"kind": "user", "name": "ada", "spec": user},
        {"kind": "server", "name": "slack", "spec": slack},
        {"kind": "profile", "name": "slack", "spec": {"server": "slack", "access": "read-write"}},
        {"kind": "project", "name": "p", "spec": {"profiles": ["slack"], "members": ["ada"]}},
    ]
    # All load is one user's; what one user may do in a minute is not what is tried here.
    limits = {"principal_calls_per_minute_max": 4_000_000_000}
    return {"revision": 1, "issued_at": "2026-01-01T00:00:00.000Z", "objects": objects, "limits": limits}


class Gateway:
    """One process at a time, in a home folder that outlives it."""

    def __init__(self, bins, home, truth, extra=()):
        self.bins, self.home, self.truth, self.extra = bins, Path(home), Path(truth), list(extra)
        self.process = None

    @property
    def audit(self):
        return self.home / "gateway/local/audit"

    def start(self, before=(), env=None):
        """Starts the program, under `before` (strace, for example). Does not wait."""
        config = self.truth.with_suffix(".config.json")
        config.write_text(json.dumps(snapshot(self.bins / "mock-slack", self.truth)))
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "gateway/local/addr").unlink(missing_ok=True)
        line = [*before, str(self.bins / "mcp-gateway"), "--home", str(self.home), "--listen", "127.0.0.1:0",
                "--config-file", str(config), *self.extra]
        log = open(self.truth.with_suffix(".log"), "ab")
        environment = {"PATH": os.environ["PATH"], **(env or {})}
        self.process = subprocess.Popen(line, stderr=log, stdout=log, env=environment, start_new_session=True)

    async def address(self):
        """Where it listens; none if it has ended before it did."""
        path = self.home / "gateway/local/addr"
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                if text := path.read_text():
                    host, port = text.rsplit(":", 1)
                    return host, int(port)
            except OSError:
                pass
            if self.process.poll() is not None:
                return None
            await asyncio.sleep(0.01)
        raise AssertionError("the gateway neither listens nor ends")

    def kill(self):
        """With everything it started: nothing gets to say good-bye."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            # The first of them may be gone before the others are: a tracer before what it traces.
            self.process.poll()
            time.sleep(0.005)
        raise AssertionError("the gateway cannot be killed")

    def ended(self):
        """Whether it ends by itself, soon."""
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the gateway does not stop") from None


class Load:
    """Clients that post messages, each with a text of its own, until told to stop."""

    def __init__(self, address, clients, first):
        self.address, self.clients, self.next = address, clients, first
        self.acknowledged, self.refused, self.latencies = [], 0, []
        self.tasks, self.answered = [], asyncio.Event()

    def start(self, calls=None):
        self.left = calls
        self.tasks = [asyncio.create_task(self.client()) for _ in range(self.clients)]

    async def stop(self):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def finish(self):
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def client(self):
        reader = writer = None
        while self.left is None or self.left > 0:
            if self.left is not None:
                self.left -= 1
            self.next += 1
            text = f"t-{self.next}"
            begin = time.monotonic()
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection(*self.address)
                writer.write(request(text))
                status, body = await response(reader)
            except (OSError, EOFError, asyncio.IncompleteReadError, ValueError):
                if writer is not None:
                    writer.close()
                reader = writer = None
                await asyncio.sleep(0.005)
                continue
            if status == 200 and b'"result"' in body and b'"isError":true' not in body:
                self.latencies.append(time.monotonic() - begin)
                self.acknowledged.append(text)
                self.answered.set()
            else:
                self.refused += 1
                await asyncio.sleep(0.002)


def request(text):
    meta = {"io.modelcontextprotocol/protocolVersion": VERSION, "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "torture", "version": "1"}}
    params = {"_meta": meta, "name": TOOL, "arguments": {"channel": "general", "text": text}}
    body = json.dumps({"jsonrpc": "2.0", "id": text, "method": "tools/call", "params": params}).encode()
    head = (f"POST /projects/p/mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token()}\r\n"
            f"content-type: application/json\r\naccept: application/json, text/event-stream\r\n"
            f"mcp-protocol-version: {VERSION}\r\nmcp-method: tools/call\r\nmcp-name: {TOOL}\r\n"
            f"content-length: {len(body)}\r\n\r\n")
    return head.encode() + body


async def response(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = int(head.split(" ", 2)[1])
    if "transfer-encoding: chunked" in head:
        body = b""
        while size := int((await reader.readline()).strip(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return status, body
    length = next((int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")), 0)
    return status, await reader.readexactly(length)


def records(audit):
    """Every record in the segments, oldest first: its text and what it says."""
    segments = sorted(audit.glob("*.jsonl"))
    firsts = [int(path.stem) for path in segments]
    for index, path in enumerate(segments):
        end = firsts[index + 1] if index + 1 < len(firsts) else None
        for line in path.read_bytes().split(b"\n"):
            if not line or b"\0" in line:
                break
            try:
                entry = json.loads(line)
            except ValueError:
                break
            if end is not None and entry["seq"] >= end:
                break
            yield line, entry


def reconcile(audit, truth, acknowledged):
    """Raises when anything is lost; how many records, checkpoints, and exchanges closed as unknown there are."""
    intents, known, outcomes, unknown, checkpoints = set(), set(), {}, 0, 0
    head, seq, epoch, count = b"\0" * 32, None, 0, 0
    for line, entry in records(audit):
        assert seq is None or entry["seq"] == seq + 1, f"record {entry['seq']} follows {seq}"
        assert seq is None or entry["prev"] == head.hex(), f"record {entry['seq']} does not follow the one before it"
        assert entry["epoch"] >= epoch, f"record {entry['seq']} is of an older epoch"
        head = hashlib.sha256(bytes.fromhex(entry["prev"]) + line).digest()
        seq, epoch, count = entry["seq"], entry["epoch"], count + 1
        if "checkpoint" in entry["body"]:
            checkpoints += 1
            continue
        event = entry["body"]["event"]
        text = (event.get("request_id") or "").strip('"')
        if event["phase"] == "intent":
            intents.add(text)
        else:
            outcomes[event["id"]] = outcomes.get(event["id"], 0) + 1
            if event["outcome"] == "unknown":
                unknown += 1
            else:
                known.add(text)
    doubled = [one for one, times in outcomes.items() if times > 1]
    assert not doubled, f"exchanges with several outcomes: {doubled[:5]}"
    done = {json.loads(line)["arguments"]["text"] for line in truth.read_text().splitlines() if line.endswith("}")}
    lost = done - intents
    assert not lost, f"{len(lost)} calls reached the server and are in no intent, for example {sorted(lost)[:5]}"
    lost = set(acknowledged) - known
    assert not lost, f"{len(lost)} calls were answered and have no outcome, for example {sorted(lost)[:5]}"
    return count, checkpoints, unknown
