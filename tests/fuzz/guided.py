"""Coverage-guided fuzzing of one target: `python -m tests.fuzz.guided NAME INPUTS FOLDER`, a process of its own.

Ends with status 0, or at the first broken promise, whose input is then in the folder (`crash-*`, `timeout-*`).
The same inputs are tried wherever and whenever it runs: counted rather than timed, with no chance in hashes and addresses.
"""

import ctypes
import os
import sys
from pathlib import Path
from random import Random

SLOWEST = 20  # seconds that one input may take, instrumented on a busy machine
_GUIDES = [
    "lethe.wire", "lethe.dialects", "lethe.transcode", "lethe.ir", "lethe.server.connection", "lethe.server.incoming",
    "lethe.upstream.connection", "lethe.upstream.exchange", "lethe.upstream.secure", "lethe.upstream.tls_transport",
]  # fmt: skip
_ADDR_NO_RANDOMIZE = 0x0040000  # linux/personality.h


def without_chance() -> None:
    """Starts this process anew with fixed hashes and addresses, which guide what is tried next."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        ctypes.CDLL(None).personality(_ADDR_NO_RANDOMIZE)  # refused in some containers: other inputs, no harm
        os.execve(sys.executable, sys.orig_argv, {**os.environ, "PYTHONHASHSEED": "0"})


def main(name: str, inputs: str, folder: str) -> None:
    import atheris  # type: ignore[import-untyped]

    with atheris.instrument_imports(include=_GUIDES):
        from tests.fuzz.mutation import LARGEST
        from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    seeds = list(target.seeds())
    files = [Path(folder) / f"seed-{number}" for number in range(len(seeds))]
    for file, seed in zip(files, seeds, strict=True):
        file.write_bytes(seed)

    def damage(data: bytes, most: int, seed: int) -> bytes:
        return target.mend(target.damage(data, seeds, Random(seed)))[:most]

    options = [
        f"-runs={inputs}", "-seed=1", f"-seed_inputs={','.join(map(str, files))}", f"-max_len={LARGEST}",
        f"-timeout={SLOWEST}", f"-artifact_prefix={folder}/", "-rss_limit_mb=1024", "-print_final_stats=1", "-verbosity=0",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], target.check, custom_mutator=damage)
    atheris.Fuzz()


if __name__ == "__main__":
    without_chance()
    main(*sys.argv[1:])
