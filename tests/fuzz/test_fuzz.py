"""Any bytes at all: typed errors, grammatical events, well-formed answers. A few examples here, many in `test-slow`.

Always the same ones, so that what passed once passes anywhere. `tests.fuzz.hunt` looks for others.
"""

import os
from collections import deque
from importlib.util import find_spec
from random import Random

import pytest
from tests.fuzz.hunt import hunt
from tests.fuzz.targets import TARGETS

EXAMPLES = 120
TIMES = float(os.environ.get("LETHE_FUZZ_TIMES", "1"))  # for many more of the same kind
INPUTS = {  # some minutes in total; streams go through the most code
    "frames": 30_000, "stream": 20_000, "events": 40_000, "reply": 60_000, "request": 60_000, "error": 8_000, "top": 60_000,
    "callers": 20_000, "answers": 14_000, "secured": 5_000,
}  # fmt: skip
RECENT = 50  # damaged inputs that may be damaged further


def hold(name: str, examples: int, random: Random) -> None:
    target = TARGETS[name]
    seeds = list(target.seeds())
    assert seeds
    for seed in seeds:
        _try(name, seed)
    recent: deque[bytes] = deque(maxlen=RECENT)
    for _ in range(examples):
        begun = random.choice(recent) if recent and random.random() < 0.3 else random.choice(seeds)
        data = target.mend(target.damage(begun, seeds, random))
        recent.append(data)
        _try(name, data)


def _try(name: str, data: bytes) -> None:
    try:
        TARGETS[name].check(data)
    except Exception as error:
        error.add_note(f"{name}: {data!r}")
        raise


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_some_damage(name: str) -> None:
    hold(name, EXAMPLES, Random(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_much_damage(name: str) -> None:
    hold(name, round(INPUTS[name.split(maxsplit=1)[0]] * TIMES), Random(f"much {name}"))


@pytest.mark.slow
@pytest.mark.skipif(find_spec("atheris") is None, reason="no such package for this Python")
def test_hunt_tells_what_it_tried() -> None:
    quiet = hunt("frames sse", 300, seed=1)
    assert not quiet.failed, quiet.said
    assert not quiet.found
    assert "number_of_executed_units" in quiet.said
    broken = hunt("no such target", 300, seed=1)
    assert broken.failed
    assert "KeyError" in broken.said
