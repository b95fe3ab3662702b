"""What is asked of a contender: workloads by wrk, which costs little itself, and scenarios by k6, which judges."""

import json
import os
import subprocess
import threading
import time
from pathlib import Path

import company
import mcp

HERE = Path(__file__).parent
PROXIES = ("direct", "nginx", "envoy", "gateway relaxed", "gateway strict", "gateway against")
# Those to whom the upstream is one behind TLS: nginx speaks HTTP/1.1 to it, the gateway HTTP/2.
TO_TLS = ("direct", "nginx to TLS", "gateway to TLS")
# name: what is asked, connections, what it is for people, who takes part
WORKLOADS = {
    "call_1k": ("calls", 32, "tools/call, 1 KB result, 32 connections", PROXIES),
    "call_1k_alone": ("calls", 1, "tools/call, 1 KB result, 1 connection", PROXIES),
    "call_1k_64": ("calls", 64, "tools/call, 1 KB result, 64 connections", PROXIES),
    "call_1k_tls": ("calls", 32, "tools/call, 1 KB result, 32 connections, an upstream behind TLS", TO_TLS),
    "call_100k": ("text_100k", 32, "tools/call, 100 KB result, 32 connections", PROXIES),
    "call_messages": ("messages", 32, "tools/call, 1,000 messages as JSON in a text, not filtered, 32 connections", PROXIES),
    "call_1m": ("text_1m", 8, "tools/call, 1 MB result, 8 connections", PROXIES),
    "list_1000": ("list1000", 4, "tools/list, 1,000 tools (the gateway: of 10 servers), 4 connections", PROXIES),
}
# name: the script, its environment, how many times the direct median may be taken, who takes part (none: all)
FILTERS = ("direct", "gateway relaxed")
SCENARIOS = {
    "tools_call 1 KB": ("tools_call", {"TOOL": "text_1k"}, 5, PROXIES),
    "tools_call 100 KB": ("tools_call", {"TOOL": "text_100k"}, 4, PROXIES),
    "tools_call 1 MB": ("tools_call", {"TOOL": "text_1m"}, 4, PROXIES),
    "tools_list 10": ("tools_list", {"TOOLS": "10"}, 5, PROXIES),
    "tools_list 100": ("tools_list", {"TOOLS": "100"}, 5, PROXIES),
    "tools_list 1000": ("tools_list", {"TOOLS": "1000"}, 5, PROXIES),
    "filtered_call cold": ("filtered_call", {"MEMORY": "cold"}, 400, FILTERS),
    "filtered_call warm": ("filtered_call", {"MEMORY": "warm", "SEED": "7"}, 150, FILTERS),
    "streams 10": ("streams", {"STREAMS": "10"}, 10, PROXIES),
    "streams 1000": ("streams", {"STREAMS": "1000"}, 5, ("direct", "nginx", "gateway relaxed")),
    "developer_day": ("developer_day", {}, 5, PROXIES),
    "soak": ("soak", {}, 5, ("direct", "gateway relaxed", "gateway strict")),
}
# Answers in a run that are shorter than what was asked for would show here.
SHORTEST_SHARE = 0.98
ROOM_INTERVAL_S = 2
WARMING_S = 5


class Usage:
    """What a contender used while something ran; makes room for its audit log meanwhile."""

    def __init__(self, contender):
        self.contender, self.ended = contender, threading.Event()

    def __enter__(self):
        self.contender.make_room()
        self.janitor = threading.Thread(target=self.keep_room)
        self.janitor.start()
        self.rss_before_mb, self.cpu_before_s = self.contender.rss_mb(), self.contender.cpu_s()
        return self

    def keep_room(self):
        while not self.ended.wait(ROOM_INTERVAL_S):
            self.contender.make_room()

    def __exit__(self, *_):
        self.cpu_s = self.contender.cpu_s() - self.cpu_before_s
        self.rss_mb = self.contender.rss_mb()
        self.ended.set()
        self.janitor.join()


def wrk(options, contender, workload, seconds):
    """One cell of the table."""
    what, connections, *_ = WORKLOADS[workload]
    expected = mcp.check(contender, what)
    headers, body = mcp.of(what)
    environment = {**os.environ, "BENCH_BODY": body, "BENCH_HEADERS": "\n".join(f"{k}: {v}" for k, v in headers.items())}
    url = contender.url + contender.path(what if what.startswith("list") else "calls")

    def run(seconds):
        command = [*options.pin_rest, options.wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--latency",
                   "--timeout", "30s", "-s", str(HERE / "wrk.lua"), url]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode or not lines:
            raise SystemExit(f"wrk against {contender.name} failed:\n{done.stdout}{done.stderr}")
        return json.loads(lines[-1])

    run(1)
    with Usage(contender) as usage:
        cell = run(seconds)
    if not cell["requests"]:
        raise SystemExit(f"{contender.name} answered nothing to {workload}")
    short = cell["bytes"] / cell["requests"] < expected * SHORTEST_SHARE
    cell["wrong"] = cell["errors"] or short
    cell.update(rps=cell["requests"] / cell["seconds"], cpu_us=usage.cpu_s / cell["requests"] * 1e6, rss_mb=usage.rss_mb)
    return cell


def k6(options, contender, scenario, baseline, place):
    """One scenario; `baseline` is what it gave without anything between, none for that itself."""
    script, given, ratio_max, _ = SCENARIOS[scenario]
    summary = Path(place) / "k6.json"
    summary.unlink(missing_ok=True)
    seconds = options.soak_seconds if script == "soak" else options.k6_seconds
    environment = {
        "TARGET": contender.url, "CONTENDER": contender.name, "SUMMARY": str(summary), "TOKEN": company.token(),
        "CALLS": contender.path("calls"), "FILTERED": contender.path("filtered"), "SECONDS": str(seconds),
        "LIST_10": contender.path("list10"), "LIST_100": contender.path("list100"), "LIST_1000": contender.path("list1000"),
        "FILTERS": "yes" if contender.projects else "", "SEED": str(time.time_ns() % 1_000_000_007), **given}
    if baseline:
        environment.update(BASELINE_P50_MS=str(baseline["p50_ms"]), RATIO_MAX=str(ratio_max))

    def run(**more):
        command = [*options.pin_rest, options.k6, "run", "--quiet", "--no-usage-report", "--no-color", "--log-output", "none"]
        for name, value in {**environment, **more}.items():
            command += ["-e", f"{name}={value}"]
        return subprocess.run([*command, str(HERE.parent / "k6" / f"{script}.js")], capture_output=True, text=True)

    if given.get("MEMORY") == "warm":
        # The first calls have the messages read, as far as their time allows; what they leave, the next ones read.
        run(SECONDS=WARMING_S)
    with Usage(contender) as usage:
        done = run()
    # 99: a threshold was crossed, which the summary tells.
    if done.returncode not in (0, 99) or not summary.exists():
        raise SystemExit(f"k6 {scenario} against {contender.name} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    cell = json.loads(summary.read_text())
    cell.update(cpu_us=usage.cpu_s / max(cell["calls"], 1) * 1e6, rss_mb=usage.rss_mb,
                rss_growth=usage.rss_mb / max(usage.rss_before_mb, 1e-9))
    return cell
