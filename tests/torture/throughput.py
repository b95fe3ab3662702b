"""Calls per second through a whole gateway to a server over stdio, strictly audited or not."""

import asyncio
import tempfile
import time
from pathlib import Path

from rig import Gateway, Load, reconcile


async def measure(bins, folder, mode, clients, seconds):
    with tempfile.TemporaryDirectory(prefix="mcpctl-torture-", dir=folder) as place:
        truth = Path(place) / "truth.jsonl"
        gateway = Gateway(bins, Path(place) / "home", truth, ["--audit-mode", mode])
        gateway.start()
        load = Load(await gateway.address(), clients, 0)
        load.start()
        await asyncio.wait_for(load.answered.wait(), 60)
        begin, first = time.monotonic(), len(load.latencies)
        await asyncio.sleep(seconds)
        elapsed, latencies = time.monotonic() - begin, sorted(load.latencies[first:])
        await load.stop()
        gateway.stop()
        reconcile(gateway.audit, truth, load.acknowledged)
    at = lambda share: latencies[min(len(latencies) - 1, int(len(latencies) * share))] * 1000
    print(f"{mode:8} {clients:3} in flight: {len(latencies) / elapsed:7.0f} calls/s, p50 {at(0.5):.2f} ms, "
          f"p99 {at(0.99):.2f} ms", flush=True)
