#!/usr/bin/env python3
"""Real clients of every revision through the gateway to real servers of either era; the tables say what came of it.

    python3 tests/compatibility/run.py FOLDER [--write] [--only SERVER]

FOLDER holds the clients that scripts/compatibility installed. With --write the tables go into docs/compatibility.md; otherwise
they are compared with those there, and no cell may be `FAILED` that is not there. --only looks at the servers with that word in
their name.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import traceback

import programs
import servers
from gateway import ROOT, SERVERS, Running

PAGE = ROOT / "docs/compatibility.md"
MARKED = re.compile(r"(?<=<!-- table -->\n).*(?=<!-- /table -->)", re.S)


def installed_version(installed, package):
    """What is there, not what was wished for."""
    for place in (installed, SERVERS):
        manifest = place / "node_modules" / package / "package.json"
        if manifest.exists():
            return json.loads(manifest.read_text())["version"]
    for place in (SERVERS / "python", SERVERS / "atlassian", installed / "mcp-2.3.0"):
        found = sorted(place.glob(f"lib/python3*/site-packages/{package.replace('-', '_')}-*.dist-info"))
        if found:
            return found[0].name.removesuffix(".dist-info").rpartition("-")[2]
    return "?"


def claude_version():
    program = os.environ.get("E2E_CLAUDE")
    return subprocess.run([program, "--version"], capture_output=True, text=True).stdout.split(" ")[0] if program else ""


def filled(arguments, home):
    return {name: value.replace("{home}", str(home)) for name, value in arguments.items()}


def visit(server, clients, installed):
    """What each client gets done with that server."""
    with Running() as running:
        try:
            url = running.gateway(server.start(installed, running))
        except Exception as error:  # one server that does not start leaves the others as they are
            traceback.print_exc()
            running.keep = True
            return {client.name: {"start": f"FAILED: {error}"} for client in clients}
        plan = {"tool": server.tool, "arguments": filled(server.arguments, running.home), "text": server.text, "resource": server.resource}
        seen = {}
        for client in clients:
            try:
                seen[client.name] = client.visit(installed, url, plan)
            except Exception as error:
                seen[client.name] = {"run": f"FAILED: {type(error).__name__}"}
            running.keep |= any(told.startswith("FAILED") for told in seen[client.name].values() if told)
            print(f"{client.name} × {server.name}: {json.dumps(seen[client.name])}", flush=True)
        return seen


def cell(steps):
    """Opening, listing and, where the client can be told to, one call."""
    failed = [told for name, told in steps.items() if name in ("start", "run", "add", "open", "list", "call", "open and close") and told != "ok"]
    if failed:
        return tidy(failed[0])
    return "ok" if "call" in steps else "ok (no call)"


def tidy(told):
    return re.sub(r"127\.0\.0\.1:\d+|/tmp/\S+", "…", told).replace("|", "\\|").replace("\n", " ")


def table(first, columns, rows):
    """`rows`: for each row its name and cells."""
    lines = [[first, *columns], ["---"] * (len(columns) + 1), *([name, *cells] for name, cells in rows)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def written(seen, clients, asked, versions):
    """The part of the page between the marks."""
    revisions = {client.name: next((s[client.name].get("revision") for s in seen.values() if "revision" in s[client.name]), "its own choice")
                 for client in clients}
    first = [(name, [revisions[name], *(cell(seen[server.name][name]) for server in asked)]) for name in revisions]
    parts = [f"As of {datetime.date.today()}. Servers: {versions}.\n",
             "### Open, list the tools, call one\n",
             table("client", ["revision", *(server.name for server in asked)], first)]
    for server in asked:
        rows = {name: steps for name, steps in seen[server.name].items() if "progress" in steps}
        if rows:
            columns = [step for step in next(iter(rows.values())) if step not in ("revision", "call", "open and close")]
            cells = [(name, [tidy(steps.get(column, "FAILED: not reached")) for column in columns]) for name, steps in rows.items()]
            parts += [f"### {server.name}: the rest of MCP\n", table("client", columns, cells)]
    return "\n".join(parts)


def failures(text):
    """Which cells say FAILED: their table, row and column."""
    found, title, columns = set(), "", None
    for line in text.splitlines():
        if not line.startswith("|"):
            title, columns = (line if line.startswith("#") else title), None
            continue
        row = [part.strip() for part in re.split(r"(?<!\\)\|", line)[1:-1]]
        if columns is None:
            columns = row
        found.update((title, row[0], column) for column, told in zip(columns, row) if told.startswith("FAILED"))
    return found


def main():
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("folder", type=pathlib.Path)
    reader.add_argument("--write", action="store_true")
    reader.add_argument("--only", default="")
    wishes = reader.parse_args()
    installed = wishes.folder.resolve()
    known = {"inspector": installed_version(installed, "@modelcontextprotocol/inspector"),
             "codex": installed_version(installed, "@openai/codex"), "claude": claude_version()}
    clients = programs.all_of_them(known)
    asked = [server for server in servers.all_of_them() if wishes.only in server.name]
    packages = dict.fromkeys(server.package for server in asked)
    versions = ", ".join(f"`{package}` {installed_version(installed, package)}" for package in packages)
    seen = {server.name: visit(server, clients, installed) for server in asked}
    new, page = written(seen, clients, asked, versions), PAGE.read_text()
    if wishes.write:
        PAGE.write_text(MARKED.sub(lambda _: new, page))
        return 0
    worse = failures(new) - failures(page)
    print(new)
    for title, row, column in sorted(worse):
        print(f"worse than docs/compatibility.md says: {title}: {row}, {column}")
    return 1 if worse else 0


sys.exit(main())
