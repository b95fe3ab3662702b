"""Proxies over one upstream, interleaved: every round asks each of them the same, in another order. See bench/README.md.

Started by `scripts/bench`, which builds and installs what it names. A program that is not named does not take part."""

import argparse
import json
import os
import platform
import random
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import contenders
import figures
import loads
import report


def arguments():
    line = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.splitlines()[0])
    line.add_argument("--gateway", required=True, help="mcp-gateway")
    line.add_argument("--upstream", required=True, help="the mock server (crate bench-upstream)")
    for name in ("nginx", "envoy", "wrk", "k6"):
        line.add_argument(f"--{name}", default="")
    line.add_argument("--against", default="", help="another mcp-gateway, asked in the same rounds, audit relaxed: what a change brings")
    line.add_argument("--model-dir", default="", help="folder of the relevance model")
    line.add_argument("--rounds", type=int, default=3)
    line.add_argument("--seconds", type=int, default=5, help="of one workload, for each contender")
    line.add_argument("--k6-rounds", type=int, default=3)
    line.add_argument("--k6-seconds", type=int, default=5, help="of one scenario, for each contender")
    line.add_argument("--soak-seconds", type=int, default=30)
    line.add_argument("--streams", type=int, default=10_000, help="open at once when memory is measured; 0 leaves it out")
    line.add_argument("--workloads", default="all", help=f"{', '.join(loads.WORKLOADS)}, all or none")
    line.add_argument("--scenarios", default="all", help=f"beginnings of {', '.join(loads.SCENARIOS)}; all or none")
    line.add_argument("--pin", default="", help="CONTENDER:REST, cores as taskset names them, for example 0:1")
    line.add_argument("--seed", type=int, default=1, help="of the order of contenders")
    line.add_argument("--note", default="", help="a line of the page: how the programs were made, what else ran on the machine")
    line.add_argument("--out", default="", help="where the page goes, besides standard output")
    line.add_argument("--json", default="", help="where every cell goes")
    line.add_argument("--place", default=None, help="folder for what the contenders write, the audit log too: its disk is measured")
    options = line.parse_args()
    ours, others = (options.pin.split(":") + [""])[:2]
    options.pin_contender = ["taskset", "-c", ours] if ours else []
    options.pin_rest = ["taskset", "-c", others] if others else []
    return options


def chosen(wanted, names):
    if wanted in ("all", "none"):
        return list(names) if wanted == "all" else []
    words = [word.strip() for word in wanted.split(",")]
    unknown = [word for word in words if not any(name.startswith(word) for name in names)]
    if unknown:
        raise SystemExit(f"there is no {unknown[0]}: {', '.join(names)}")
    return [name for name in names if any(name == word or (word not in names and name.startswith(word)) for word in words)]


def in_turn(running, order):
    """The upstream first: the others are judged by it. Then everybody, in an order of this round."""
    others = running[1:]
    order.shuffle(others)
    return [running[0], *others]


def rounds_of(options, running, place):
    order, done = random.Random(options.seed), []
    workloads = chosen(options.workloads, loads.WORKLOADS) if options.wrk else []
    scenarios = chosen(options.scenarios, loads.SCENARIOS) if options.k6 else []
    for number in range(max(options.rounds if workloads else 0, options.k6_rounds if scenarios else 0)):
        cells = {}
        for workload in workloads if number < options.rounds else []:
            for contender in in_turn(running, order):
                if contender.name not in loads.WORKLOADS[workload][3]:
                    continue
                cell = loads.wrk(options, contender, workload, options.seconds)
                cells.setdefault(workload, {})[contender.name] = cell
                progress(number, workload, contender, cell)
        for scenario in scenarios if number < options.k6_rounds else []:
            for contender in in_turn(running, order):
                if contender.name not in loads.SCENARIOS[scenario][3]:
                    continue
                baseline = cells.get(scenario, {}).get("direct")
                cell = loads.k6(options, contender, scenario, baseline, place)
                cells.setdefault(scenario, {})[contender.name] = cell
                progress(number, scenario, contender, cell)
        done.append(cells)
    return done


def progress(number, what, contender, cell):
    print(f"    round {number + 1}  {what:20} {contender.name:16} {cell['rps']:9,.0f}/s  p50 {cell['p50_ms']:.2f} ms  "
          f"{cell['cpu_us']:6,.0f} µs", file=sys.stderr, flush=True)


def figures_of(options, upstream):
    starts = sorted(figures.start_ms(options, upstream) for _ in range(3))
    found = [(f"start to the first answer, {figures.SERVERS} servers in the snapshot, median of 3", f"{starts[1]:,.0f} ms")]
    if options.streams:
        memory = figures.memory(options, upstream)
        found.append(("RSS with its lists known, before any call", f"{memory['idle_mb']:.1f} MB"))
        found.append(("of that, its own: without the pages of files, of which most are the program", f"{memory['own_mb']:.1f} MB"))
        found.append((f"RSS of each of {memory['streams']:,} open streams", f"{memory['stream_kb']:.1f} KB"))
    return found


def busy_s():
    """Processor time that anybody used, and that the host took away."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    used = fields[0] + fields[1] + fields[2] + fields[5] + fields[6]
    return used / contenders.TICKS_PER_S, fields[7] / contenders.TICKS_PER_S


def own_s(running):
    return sum(os.times()[:4]) + sum(each.cpu_s() for each in running)


def version(command):
    try:
        told = subprocess.run(command, capture_output=True, text=True)
        first = (told.stdout + told.stderr).strip().splitlines()[0]
        return re.sub(r"^\S*/\S+\s+", "", first)
    except (OSError, IndexError):
        return "?"


def about(options, began, used):
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    elapsed, (others, stolen) = time.time() - began, used
    lines = [f"- machine: {cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}",
             f"- run: {time.strftime('%Y-%m-%d %H:%M', time.gmtime(began))} UTC, {elapsed / 60:.0f} minutes; of "
             f"{elapsed * os.cpu_count():,.0f} s of processor time, programs that are no part of it used {others:,.0f} s, "
             f"and the host withheld {stolen:,.0f} s"]
    if options.note:
        lines.append(f"- {options.note}")
    commit = version(["git", "describe", "--always", "--dirty"])
    lines.append(f"- gateway: {version([options.gateway, '--version'])}, commit {commit}, {version(['rustc', '--version'])}")
    for name, flag in (("nginx", "-v"), ("envoy", "--version"), ("wrk", "-v"), ("k6", "version")):
        program = getattr(options, name)
        lines.append(f"- {name}: {version([program, flag]) if program else 'not here, so it did not take part'}")
    pinned = f"contenders on {options.pin.replace(':', ', the rest on ')}" if options.pin else "nothing is pinned to a core"
    lines.append(f"- {pinned}; command: `scripts/bench {shlex.join(told_arguments())}`".replace(" `scripts/bench `", " `scripts/bench`"))
    return lines


def told_arguments():
    """Without what `scripts/bench` puts in."""
    given, kept = sys.argv[1:], []
    while given:
        word = given.pop(0)
        if word in ("--gateway", "--upstream", "--nginx", "--envoy", "--wrk", "--k6", "--model-dir", "--against", "--out", "--json",
                    "--note"):
            given.pop(0)
        else:
            kept.append(word)
    return kept


def main():
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="bench-rounds-", dir=options.place) as place:
        options.place = place
        began, (busy_before, stolen_before), own_before = time.time(), busy_s(), sum(os.times()[:4])
        running = contenders.start(options, place)
        try:
            rounds = rounds_of(options, running, place)
            found = figures_of(options, running[0]) if options.workloads != "none" else []
            (busy, stolen), own = busy_s(), own_s(running) - own_before
        finally:
            for each in reversed(running):
                each.stop()
    used = (max(0.0, busy - busy_before - own), stolen - stolen_before)
    title = f"Rounds of {time.strftime('%Y-%m-%d', time.gmtime(began))}"
    page = "\n".join(report.write({"title": title, "lines": about(options, began, used)}, rounds, found))
    print(page)
    if options.out:
        Path(options.out).write_text(page)
    if options.json:
        Path(options.json).write_text(json.dumps(rounds, indent=1))
    wrong = [f"{place}: {name}" for cells in rounds for place, of in cells.items() for name, cell in of.items()
             if cell.get("wrong") or cell.get("failed")]
    if wrong:
        raise SystemExit(f"not every answer was right: {', '.join(sorted(set(wrong)))}")


if __name__ == "__main__":
    main()
