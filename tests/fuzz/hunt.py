"""Coverage-guided fuzzing, other inputs each time: `python -m tests.fuzz.hunt [--inputs N] [--seed N] [NAME ...]`.

What it finds is printed, and goes into `test_found.py` with what mends it. No check depends on it: guidance goes another
way on each machine, and what stops it would be luck.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random, randrange
from subprocess import run
from tempfile import TemporaryDirectory

from msgspec import Struct

SLOWEST = 20  # seconds that one input may take, instrumented on a busy machine
ROOT = Path(__file__).parent.parent.parent
_GUIDES = [
    "lethe.wire", "lethe.dialects", "lethe.transcode", "lethe.ir", "lethe.server.connection", "lethe.server.incoming",
    "lethe.upstream.connection", "lethe.upstream.exchange", "lethe.upstream.secure", "lethe.upstream.tls_transport",
]  # fmt: skip


class Hunted(Struct, frozen=True):
    """Of one target: what broke a promise, by file name, and what was said."""

    name: str
    failed: bool
    found: dict[str, bytes]
    said: str


def hunt(name: str, inputs: int, seed: int) -> Hunted:
    """In a process of its own, which ends at the first broken promise."""
    with TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            __spec__.name,
            "--within",
            folder,
            "--inputs",
            str(inputs),
            "--seed",
            str(seed),
            name,
        ]
        done = run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
        found = {path.name: path.read_bytes() for path in Path(folder).iterdir() if not path.name.startswith("seed-")}
    return Hunted(name, done.returncode != 0, found, f"{done.stdout}\n{done.stderr}"[-4000:])


def _guided(name: str, inputs: int, seed: int, folder: str) -> None:
    import atheris  # type: ignore[import-untyped]

    with atheris.instrument_imports(include=_GUIDES):
        from tests.fuzz.mutation import LARGEST
        from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    seeds = list(target.seeds())
    files = [Path(folder) / f"seed-{number}" for number in range(len(seeds))]
    for file, data in zip(files, seeds, strict=True):
        file.write_bytes(data)

    def damage(data: bytes, most: int, chance: int) -> bytes:
        return target.mend(target.damage(data, seeds, Random(chance)))[:most]

    options = [
        f"-runs={inputs}", f"-seed={seed}", f"-seed_inputs={','.join(map(str, files))}", f"-max_len={LARGEST}",
        f"-timeout={SLOWEST}", f"-artifact_prefix={folder}/", "-rss_limit_mb=1024", "-print_final_stats=1", "-verbosity=0",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], target.check, custom_mutator=damage)
    atheris.Fuzz()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of targets; all if none is named")
    parser.add_argument("--inputs", type=int, default=30_000, help="for each target (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=randrange(1, 2**31), help="another one each time if not told")
    parser.add_argument("--jobs", type=int, default=2, help="at a time (default: %(default)s)")
    parser.add_argument("--within", help=argparse.SUPPRESS)
    told = parser.parse_args(arguments)
    if told.within is not None:
        _guided(told.names[0], told.inputs, told.seed, told.within)
        return 0

    from tests.fuzz.targets import TARGETS

    if unknown := set(told.names) - set(TARGETS):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    with ThreadPoolExecutor(told.jobs) as pool:
        hunted = pool.map(lambda name: hunt(name, told.inputs, told.seed), told.names or TARGETS)
        failed = [one for one in map(_told, hunted) if one.failed]
    return 1 if failed else 0


def _told(hunted: Hunted) -> Hunted:
    print(f"{hunted.name}: {'FAILED' if hunted.failed else 'nothing found'}", flush=True)
    if hunted.failed:
        print(*(f"{name}: {data!r}" for name, data in hunted.found.items()), hunted.said, sep="\n", flush=True)
    return hunted


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
