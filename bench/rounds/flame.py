"""Where the processor time of a call goes: a flame graph of the gateway under load. Started by `scripts/flamegraph`."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import company
import contenders
import loads

# A prime, so that nothing that happens at even intervals is always or never seen.
SAMPLES_PER_S = 499
# Bytes of stack kept for each sample; what is deeper is cut off.
STACK_BYTES = 16384


def arguments():
    line = argparse.ArgumentParser(prog="scripts/flamegraph", description=__doc__.splitlines()[0])
    for name in ("gateway", "upstream", "wrk", "inferno"):
        line.add_argument(f"--{name}", required=True)
    line.add_argument("--workload", default="call_1k", choices=loads.WORKLOADS)
    line.add_argument("--mode", default="relaxed", choices=("relaxed", "strict"))
    line.add_argument("--seconds", type=int, default=8)
    line.add_argument("--out", required=True, help="where the picture goes")
    options = line.parse_args()
    options.pin_contender, options.pin_rest, options.model_dir = [], [], ""
    return options


def sampled(options, gateway, place):
    """perf's stacks of the gateway while it is asked, as text."""
    data = Path(place) / "perf.data"
    watching = subprocess.Popen(["perf", "record", "-q", "-F", str(SAMPLES_PER_S), "--call-graph", f"dwarf,{STACK_BYTES}",
                                 "-p", str(gateway.process.pid), "-o", str(data), "--", "sleep", str(options.seconds)],
                                stderr=subprocess.DEVNULL)
    cell = loads.wrk(options, gateway, options.workload, options.seconds)
    if watching.wait():
        raise SystemExit("perf cannot look at other processes here: `sysctl kernel.perf_event_paranoid=1` as root")
    print(f"    {cell['rps']:,.0f} calls/s while it was looked at, {cell['cpu_us']:,.0f} µs of processor time each", file=sys.stderr)
    return subprocess.run(["perf", "script", "-i", str(data)], check=True, capture_output=True).stdout


def picture(options, stacks):
    def inferno(program, *words, given):
        return subprocess.run([f"{options.inferno}/inferno-{program}", *words], input=given, check=True, capture_output=True).stdout

    folded = inferno("collapse-perf", given=stacks)
    title = f"mcp-gateway, {loads.WORKLOADS[options.workload][2]}, {options.mode}"
    # What is narrower than this is not told apart in a browser, and half of the file.
    return inferno("flamegraph", "--title", title, "--minwidth", "0.1", "--hash", given=folded)


def main():
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="bench-flame-") as place:
        upstream = contenders.Upstream(options, place).ready()
        try:
            made = company.objects(upstream.url)
            gateway = contenders.Gateway(f"gateway {options.mode}", options.mode, made, options, place).ready()
            try:
                stacks = sampled(options, gateway, place)
            finally:
                gateway.stop()
        finally:
            upstream.stop()
    Path(options.out).write_bytes(picture(options, stacks))


if __name__ == "__main__":
    main()
