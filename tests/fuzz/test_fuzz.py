"""Any bytes at all: typed errors, grammatical events, well-formed answers. A few examples here, minutes in `test-slow`."""

import os
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from tests.fuzz.targets import TARGETS

EXAMPLES = 120
TIMES = float(os.environ.get("LETHE_FUZZ_TIMES", "1"))  # for a longer hunt
INPUTS = {  # some minutes in total; streams go through the most code
    "frames": 15_000, "stream": 12_000, "events": 20_000, "reply": 30_000, "request": 50_000, "error": 6_000, "top": 50_000,
    "callers": 20_000, "answers": 14_000, "secured": 5_000,
}  # fmt: skip
PEERS = ("callers", "answers", "secured")
_TRIED = re.compile(r"number_of_executed_units: (\d+)")
ROOT = Path(__file__).parent.parent.parent


def hold(name: str, examples: int, random: Random) -> None:
    target = TARGETS[name]
    seeds = list(target.seeds())
    assert seeds
    for data in (*seeds, *(target.mend(target.damage(random.choice(seeds), seeds, random)) for _ in range(examples))):
        try:
            target.check(data)
        except Exception as error:
            error.add_note(f"{name}: {data!r}")
            raise


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_some_damage(name: str) -> None:
    hold(name, EXAMPLES, Random(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", PEERS)
def test_much_damage(name: str) -> None:
    """Of HTTP, with a fixed seed: guided by coverage these targets go another way each time."""
    hold(name, round(INPUTS[name] * TIMES), Random(f"much {name}"))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TARGETS if name not in PEERS])
def test_guided_by_coverage(name: str, tmp_path: Path) -> None:
    inputs = round(INPUTS[name.split(maxsplit=1)[0]] * TIMES)
    command = [sys.executable, "-m", "tests.fuzz.guided", name, str(inputs), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir() if not path.name.startswith("seed-")}
    assert done.returncode == 0, f"{name}: {found}\n{done.stdout[-4000:]}"
    tried = _TRIED.search(done.stderr)
    assert tried is not None, done.stderr[-4000:]
    assert int(tried[1]) >= inputs
