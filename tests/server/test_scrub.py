import asyncio
import gc
import os
import secrets
import sys
import weakref
from functools import partial
from pathlib import Path

import msgspec
from tests.upstream.raw import until

from lethe.server.scrub import Scrub, evict_keys, wipe_stack
from lethe.upstream.arrivals import Arrivals

KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def test_no_key_survives_eviction() -> None:
    """Counted in blocks of memory, since a text cannot be watched. Without keys in the table it would prove nothing."""
    evict_keys()
    before = sys.getallocatedblocks()
    KEYS.decode(msgspec.json.encode({f"a_key_that_is_evicted_{n}": n for n in range(400)}))
    kept = sys.getallocatedblocks() - before
    evict_keys()
    assert kept > 100
    assert sys.getallocatedblocks() - before < 20


class Knot:
    """Holds itself, as an error does whose traceback reaches it."""

    def __init__(self) -> None:
        self.itself = self


async def test_cycles_are_gone_after_a_sweep_and_after_two_it_rests() -> None:
    sweeps = 0

    def counted(phase: str, info: dict[str, int]) -> None:
        nonlocal sweeps
        sweeps += phase == "start" and info["generation"] == 2

    scrub = Scrub(asyncio.get_running_loop(), Arrivals(), every=0.02)
    gc.disable()
    gc.callbacks.append(counted)
    try:
        for swept in (2, 4):
            knot = Knot()
            seen = weakref.ref(knot)
            del knot
            assert seen() is not None
            scrub.stir()
            await until(partial(lambda least: sweeps >= least, swept))
            assert seen() is None
        await asyncio.sleep(0.1)
        assert sweeps == 4
    finally:
        gc.callbacks.remove(counted)
        gc.enable()
        scrub.stop()


async def test_under_load_it_goes_on() -> None:
    scrub = Scrub(asyncio.get_running_loop(), Arrivals(), every=0.02)
    knots = []
    try:
        for _ in range(10):
            knot = Knot()
            knots.append(weakref.ref(knot))
            del knot
            scrub.stir()
            await asyncio.sleep(0.01)
        await until(lambda: not any(knot() for knot in knots))
    finally:
        scrub.stop()


async def test_what_landed_is_overwritten() -> None:
    arrivals = Arrivals()
    arrivals.whole[-7:] = b"secrets"
    scrub = Scrub(asyncio.get_running_loop(), arrivals, every=0.02)
    scrub.stir()
    await until(lambda: not any(arrivals.whole[-7:]))
    scrub.stop()


def test_nothing_short_stays_on_the_stack() -> None:
    """CPython leaves it there: without the first assertion the second would prove nothing."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    first, _, last = next(line for line in lines if line.endswith("[stack]")).partition(" ")[0].partition("-")
    start, end = int(first, 16), int(last, 16)
    text = secrets.token_hex(16).encode()
    memory = os.open("/proc/self/mem", os.O_RDONLY)
    try:
        left = b"%b%d%b" % (bytes(150), 7, text)  # noqa: F841 - for what is left of its making
        before = os.pread(memory, end - start, start)
        wipe_stack()
        after = os.pread(memory, end - start, start)
    finally:
        os.close(memory)
    assert text in before
    assert text not in after
