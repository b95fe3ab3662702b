"""The cases: power cuts, kills, system calls that fail, disks that are full, clocks that jump. Each prints seed and count."""

import asyncio
import fcntl
import os
import random
import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from rig import Gateway, Load, reconcile

# `_IOR('X', 125, __u32)`: EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN; 2: nothing more reaches the disk, not even the journal.
SHUTDOWN, WITHOUT_LOG = 0x8004587D, 2
IMAGE_BYTES = {"ext4": 96 << 20, "xfs": 320 << 20}


async def recovered(gateway, truth, acknowledged, env=None):
    """Starts the gateway again, lets it recover, stops it, and proves that nothing is lost."""
    gateway.start(env=env)
    assert await gateway.address() is not None, "the gateway does not start again: see its log"
    assert gateway.stop() == 0, "the gateway does not end well"
    return reconcile(gateway.audit, truth, acknowledged)


class Disk:
    """A file system of its own in a file, which can lose its power."""

    def __init__(self, kind, folder):
        self.image, self.mount = Path(folder) / "disk.img", Path(folder) / "mount"
        self.mount.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(IMAGE_BYTES[kind])
        subprocess.run([f"mkfs.{kind}", "-q", str(self.image)], check=True)
        self.attach()

    def attach(self):
        subprocess.run(["mount", "-o", "loop", str(self.image), str(self.mount)], check=True)

    def cut(self):
        handle = os.open(self.mount, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, SHUTDOWN, struct.pack("I", WITHOUT_LOG))
        finally:
            os.close(handle)

    def detach(self):
        subprocess.run(["umount", str(self.mount)], check=True)


async def power_cuts(bins, kind, count, seed):
    """A-01: the power goes while calls are under way; the disk has what was synced, and nothing else."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="mcpctl-torture-") as folder:
        disk, truth = Disk(kind, folder), Path(folder) / "truth.jsonl"
        gateway, acknowledged, last, total = Gateway(bins, disk.mount / "home", truth), [], 0, (0, 0, 0)
        try:
            for number in range(count):
                gateway.start()
                load = Load(await gateway.address(), chance.choice([1, 4, 16, 64]), last)
                load.start()
                await asyncio.wait_for(load.answered.wait(), 60)
                await asyncio.sleep(chance.random() * 0.4)
                disk.cut()
                await asyncio.sleep(chance.random() * 0.05)
                gateway.kill()
                await load.stop()
                last, acknowledged = load.next, acknowledged + load.acknowledged
                disk.detach()
                disk.attach()
                total = await recovered(gateway, truth, acknowledged)
                if number % 10 == 9:
                    shutil.rmtree(gateway.home)
                    truth.unlink()
                    acknowledged = []
        finally:
            gateway.kill()
            disk.detach()
    print(f"A-01: seed {seed}: {count} power cuts on {kind}, {last} calls, 0 lost; last log {total}", flush=True)


async def kills(bins, count, seed):
    """A-02: the process is killed while calls are under way, or told to stop."""
    chance = random.Random(seed)
    unknown = calls = stopped = 0
    done = 0
    while done < count:
        with tempfile.TemporaryDirectory(prefix="mcpctl-torture-") as folder:
            truth = Path(folder) / "truth.jsonl"
            gateway, acknowledged, last = Gateway(bins, Path(folder) / "home", truth), [], 0
            for _ in range(min(25, count - done)):
                gateway.start()
                load = Load(await gateway.address(), chance.choice([1, 8, 32]), last)
                load.start()
                await asyncio.wait_for(load.answered.wait(), 60)
                await asyncio.sleep(chance.random() * 0.2)
                if chance.random() < 0.1:
                    gateway.stop()
                    stopped += 1
                else:
                    gateway.kill()
                await load.stop()
                last, acknowledged, done = load.next, acknowledged + load.acknowledged, done + 1
            _, _, orphans = await recovered(gateway, truth, acknowledged)
            unknown, calls = unknown + orphans, calls + last
    print(f"A-02: seed {seed}: {count} ends ({stopped} by SIGTERM), {calls} calls, {unknown} closed as unknown, 0 lost",
          flush=True)


FAULTS = [("pwrite64", "EIO"), ("pwrite64", "ENOSPC"), ("pwrite64", "EINTR"), ("fdatasync", "EIO"),
          ("ftruncate", "EIO"), ("fsync", "EIO")]


async def syscalls(bins, upto, seed):
    """A-03: the k-th write, sync or truncation of the process fails, for every k."""
    tried = refused = closed = 0
    for name, error in FAULTS:
        for k in range(1, upto + 1):
            with tempfile.TemporaryDirectory(prefix="mcpctl-torture-") as folder:
                truth = Path(folder) / "truth.jsonl"
                gateway = Gateway(bins, Path(folder) / "home", truth)
                inject = f"inject={name}:error={error}:when={k}"
                gateway.start(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={name}", "-e", inject])
                address = await gateway.address()
                acknowledged = []
                if address is None:
                    # It could not write what it needs to start: nothing was served.
                    closed += 1
                else:
                    load = Load(address, 4, 0)
                    load.start(calls=upto * 2 + 20)
                    await load.finish()
                    acknowledged, refused = load.acknowledged, refused + load.refused
                    if not acknowledged:
                        # Good only if it gave up its start after it had told its address.
                        assert gateway.ended(), f"{name} {error} {k}: the log did not go on"
                        closed += 1
                gateway.kill()
                truth.touch()
                await recovered(gateway, truth, acknowledged)
                tried += 1
    print(f"A-03: {tried} faults (k ≤ {upto} of {len(FAULTS)} kinds), {refused} calls refused, {closed} starts refused, "
          "0 lost", flush=True)


async def full_disk(bins, seed):
    """A-04: no room; calls are refused and reach no server, and go on when there is room again."""
    with tempfile.TemporaryDirectory(prefix="mcpctl-torture-") as folder:
        mount, truth = Path(folder) / "mount", Path(folder) / "truth.jsonl"
        mount.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(mount)], check=True)
        gateway = Gateway(bins, mount / "home", truth)
        try:
            gateway.start()
            load = Load(await gateway.address(), 32, 0)
            load.start()
            await asyncio.wait_for(load.answered.wait(), 60)
            filler = open(mount / "filler", "wb", buffering=0)
            try:
                while filler.write(b"\0" * 65536):
                    pass
            except OSError:
                filler.close()
            await until(lambda: load.refused > 50, "calls are refused")
            before, answered = truth.read_text().count("\n"), len(load.acknowledged)
            seen = load.refused
            await until(lambda: load.refused > seen + 200, "more calls are refused")
            assert truth.read_text().count("\n") == before, "a refused call reached the server"
            (mount / "filler").unlink()
            begin = time.monotonic()
            await until(lambda: len(load.acknowledged) > answered, "calls are served again")
            took = time.monotonic() - begin
            assert took < 5, f"it took {took:.1f} s"
            await load.stop()
            gateway.kill()
            shape = await recovered(gateway, truth, load.acknowledged)
        finally:
            gateway.kill()
            subprocess.run(["umount", "-l", str(mount)], check=True)
    print(f"A-04: {load.refused} calls refused on a full disk, none reached the server, served again after {took:.2f} s; "
          f"log {shape}", flush=True)


async def clock(bins, seed):
    """A-10: the clock jumps between starts; positions and epochs grow all the same."""
    library = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
    if library is None:
        print("A-10: skipped: libfaketime is not installed", flush=True)
        return
    with tempfile.TemporaryDirectory(prefix="mcpctl-torture-") as folder:
        truth = Path(folder) / "truth.jsonl"
        gateway, acknowledged, last = Gateway(bins, Path(folder) / "home", truth), [], 0
        jumps = ["+0d", "-1d", "+365d", "-20000d", "+1d"]
        for jump in jumps:
            env = {"LD_PRELOAD": str(library), "FAKETIME": jump, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
            gateway.start(env=env)
            load = Load(await gateway.address(), 4, last)
            load.start(calls=20)
            await load.finish()
            last, acknowledged = load.next, acknowledged + load.acknowledged
            gateway.stop()
        assert len(acknowledged) == 20 * len(jumps), "calls were refused"
        shape = await recovered(gateway, truth, acknowledged)
    print(f"A-10: {len(jumps)} jumps of the clock, {last} calls, 0 lost; log {shape}", flush=True)


async def until(done, what):
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end, f"waited in vain until {what}"
        await asyncio.sleep(0.01)
