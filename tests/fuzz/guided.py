"""Coverage-guided fuzzing of one target: `python -m tests.fuzz.guided NAME SECONDS FOLDER`, a process of its own.

Ends with status 0, or at the first broken promise, whose input is then in the folder (`crash-*`, `timeout-*`).
"""

import sys
from pathlib import Path
from random import Random

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["lethe.wire", "lethe.dialects", "lethe.transcode", "lethe.ir"]):
    from tests.fuzz.mutation import LARGEST, mutated
    from tests.fuzz.targets import TARGETS

SLOWEST = 20  # seconds that one input may take, instrumented on a busy machine


def main(name: str, seconds: str, folder: str) -> None:
    target = TARGETS[name]
    seeds = list(target.seeds())
    corpus = Path(folder) / "corpus"
    corpus.mkdir(parents=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)

    def damage(data: bytes, most: int, seed: int) -> bytes:
        return target.mend(mutated(data, seeds, Random(seed)))[:most]

    options = [
        f"-max_total_time={seconds}", f"-timeout={SLOWEST}", f"-max_len={LARGEST}", f"-artifact_prefix={folder}/",
        "-rss_limit_mb=1024", "-print_final_stats=1", "-seed=1", "-verbosity=0",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.check, custom_mutator=damage)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
