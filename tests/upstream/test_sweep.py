"""One coarse timer: armed once, running while it is needed."""

import asyncio

from lethe.upstream.sweep import Sweep


async def test_it_runs_until_nothing_is_left_to_look_at() -> None:
    looks: list[bool] = [True, True, False]
    done = asyncio.Event()

    def look() -> bool:
        more = looks.pop(0)
        if not more:
            done.set()
        return more

    sweep = Sweep(0.001, look)
    for _ in range(5):
        sweep.arm(asyncio.get_running_loop())
    await asyncio.wait_for(done.wait(), 1)
    await asyncio.sleep(0.01)
    assert looks == []
    looks.append(False)
    done.clear()
    sweep.arm(asyncio.get_running_loop())
    await asyncio.wait_for(done.wait(), 1)


async def test_stopped_it_does_not_look() -> None:
    looks = 0

    def look() -> bool:
        nonlocal looks
        looks += 1
        return True

    sweep = Sweep(0.001, look)
    sweep.arm(asyncio.get_running_loop())
    sweep.stop()
    sweep.stop()
    await asyncio.sleep(0.01)
    assert looks == 0
