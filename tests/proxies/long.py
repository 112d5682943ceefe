"""A stream of many minutes through Lethe and a proxy, and what it cost: `python -m tests.proxies.long 35 nginx`.

Not part of any run of the tests: its figures stand in docs/deployment/long-streams.md.
"""

import sys
import tempfile
import time
from pathlib import Path

from tests.proxies.house import JSON, behind, question
from tests.sandbox.rig import Daemon, daemon

from lethe.deploy.need import Need
from lethe.upstream.fake import FakeThread, Send, Wait, anthropic
from lethe.upstream.fake.replies import OPENED
from lethe.upstream.fake.said import say

EVERY = 20.0  # seconds between two pieces of the answer
HEARTBEAT = 15.0
IDLE = 60.0
_TICKS = 100  # of the kernel's clock in a second


def memory(pid: int) -> int:
    """Resident KB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def cpu(pid: int) -> float:
    """Seconds in user space and kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def worker(lethe: Daemon) -> int:
    (pid,) = lethe.running("lethe.sandbox.worker") or lethe.running("sandbox.worker")
    return pid


def main(minutes: float, kind: str) -> int:
    pieces = int(minutes * 60 / EVERY)
    head, *body = anthropic.frames(say(*(f"piece {n} " for n in range(pieces))))
    steps = (
        OPENED,
        Send(head),
        *(step for part in body for step in (Wait(EVERY if b"piece" in part else 0), Send(part))),
    )
    with tempfile.TemporaryDirectory() as name, FakeThread() as fake:
        folder = Path(name)
        config = (
            f"[server]\nheartbeat = {HEARTBEAT:g}\n"
            f'[upstreams.a]\ndialect = "anthropic"\nbase_url = "{fake.url}"\nclass = "U5"\nreason = "a test"\n'
        )
        with daemon(folder, config) as lethe:
            port = int(lethe.url.rpartition(":")[2])
            with behind(kind, folder, port, Need(), idle=IDLE) as front:
                fake.answer(steps)
                pid = worker(lethe)
                before, begun, spent = memory(pid), time.monotonic(), cpu(pid)
                done = front.curl(
                    *JSON, f"{front.url}/v1/messages", body=question(stream=True), seconds=minutes * 60 + 300
                )
                seconds = time.monotonic() - begun
                whole = done.stdout.count(b"piece") == pieces and done.stdout.endswith(body[-1])
                print(
                    f"{kind}: {seconds / 60:.1f} minutes, exit {done.returncode}, whole: {whole}, {len(done.stdout):,} bytes, "
                    f"{done.stdout.count(b'event: ping')} heartbeats, worker {before:,} -> {memory(pid):,} KB, "
                    f"{cpu(pid) - spent:.2f} s of CPU"
                )
                return 0 if whole and done.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2]))
