"""Any bytes at all: typed errors, grammatical events, well-formed answers. A few examples here, minutes in `test-slow`."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from tests.fuzz.mutation import mutated
from tests.fuzz.targets import TARGETS

EXAMPLES = 120
SECONDS = float(os.environ.get("LETHE_FUZZ_SECONDS", "600"))  # in total
WEIGHTS = {"stream": 4, "reply": 2, "request": 2}  # where most code is
ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_some_damage(name: str) -> None:
    target, random = TARGETS[name], Random(name)
    seeds = list(target.seeds())
    assert seeds
    for data in (*seeds, *(target.mend(mutated(random.choice(seeds), seeds, random)) for _ in range(EXAMPLES))):
        try:
            target.check(data)
        except Exception as error:
            error.add_note(f"{name}: {data!r}")
            raise


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_guided_by_coverage(name: str, tmp_path: Path) -> None:
    share = WEIGHTS.get(name.split(maxsplit=1)[0], 1) / sum(WEIGHTS.get(each.split()[0], 1) for each in TARGETS)
    seconds = max(1, round(SECONDS * share))
    command = [sys.executable, "-m", "tests.fuzz.guided", name, str(seconds), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert done.returncode == 0, f"{name}: {found}\n{done.stdout[-4000:]}"
    print(name, *(line for line in done.stderr.splitlines() if "number_of_executed_units" in line))
