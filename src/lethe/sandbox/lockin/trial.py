"""`python -s -P -S ... -m lethe.sandbox.lockin.trial`: locks itself in like a worker and tries what it then can do.

Reads one JSON `Order` from stdin and writes one JSON `Outcome` to stdout.
"""

import os
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from lethe.retention.enforcement import Enforcement, Mechanism
from lethe.sandbox.lockin import host
from lethe.sandbox.lockin.attempts import Ground, Result, acts, attempt
from lethe.sandbox.lockin.confines import DNS, Confines
from lethe.sandbox.lockin.host import Host
from lethe.sandbox.lockin.lock import lock_in


class Order(Struct, frozen=True):
    """`host`: what to take the host for, if not for what it is; `wanted`: the mechanisms to use, all by default."""

    ground: Ground
    host: Host | None = None
    wanted: tuple[Mechanism, ...] = tuple(Mechanism)


class Outcome(Struct, frozen=True):
    host: Host
    enforcement: Enforcement
    results: tuple[Result, ...]


def run(order: Order) -> Outcome:
    """For a process that does nothing else."""
    there = host.probe() if order.host is None else order.host
    ground = order.ground
    descriptor = os.open(Path(ground.folder, "open"), os.O_WRONLY)
    enforcement = lock_in(Confines(frozenset({DNS, ground.port})), there, order.wanted)
    results = tuple(attempt(act, ground) for act in acts(descriptor))
    return Outcome(there, enforcement, results)


if __name__ == "__main__":
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(run(given)))
