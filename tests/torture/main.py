"""Runs the cases named, or all of them; see scripts/torture."""

import asyncio
import os
import random
import shutil
import sys
from pathlib import Path

import cases
import throughput


def number(name, default):
    return int(os.environ.get(name, default))


async def main(bins, wanted):
    seed = number("SEED", random.SystemRandom().randrange(1 << 32))
    kinds = [kind for kind in ("ext4", "xfs") if shutil.which(f"mkfs.{kind}")]
    root = os.geteuid() == 0
    every = {
        "power": lambda: [cases.power_cuts(bins, kind, number("POWER_CUTS", 50), seed) for kind in kinds],
        "kill": lambda: [cases.kills(bins, number("KILLS", 500), seed)],
        "syscalls": lambda: [cases.syscalls(bins, number("SYSCALLS", 200), seed)],
        "disk": lambda: [cases.full_disk(bins, seed)],
        "clock": lambda: [cases.clock(bins, seed)],
        "throughput": lambda: [throughput.measure(bins, os.environ.get("FOLDER"), mode, clients, number("SECONDS_EACH", 10))
                               for mode in ("strict", "relaxed") for clients in (1, 64)],
    }
    for name in wanted or every:
        if name in ("power", "disk") and not root:
            print(f"{name}: skipped: mounting needs root", flush=True)
        elif name == "syscalls" and not shutil.which("strace"):
            print("syscalls: skipped: strace is not installed", flush=True)
        else:
            for case in every[name]():
                await case


asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
