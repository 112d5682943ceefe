"""Measures LLM proxies on this machine: python -m bench.measure [options] TARGET...

A target is a name in bench/targets/ or a TOML file. Each is started between a load and a fake provider, which share one
core; the target has another to itself. One markdown table goes to stdout, progress to stderr.
"""

import argparse
import asyncio
import fcntl
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import uvloop

from bench.sections import Bench, MockProcess, Options, Section
from bench.table import Result, machine, markdown, medians
from bench.targets import Missing, NotReady, Running, find_target

CACHE = Path.home() / ".cache" / "lethe-bench"
PEERS = Path(os.environ.get("BENCH_PEERS") or CACHE / "peers")


def say(line: str) -> None:
    sys.stderr.write(line + "\n")


@contextmanager
def alone() -> Iterator[None]:
    """Two measurements at a time would both be wrong: the second waits."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another measurement to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def measure(name: str, options: Options) -> Result:
    """Raises Missing, NotReady, OSError and what reading the target's file raises."""
    harness_cores, target_cores = options.cores or (None, None)
    mock = MockProcess(harness_cores)
    running: Running | None = None
    try:
        running = Running(find_target(name), mock.port, target_cores, PEERS)
        label = running.target.name
        bench = Bench(running, mock, options, lambda line: say(f"{label}: {line}"))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(bench.measure())
        running.stop()
        running.remove()  # kept, with its log, when something was raised
        for fault in bench.faults:
            say(f"{label}: {fault}")
        return Result(name=label, figures=bench.figures, faults=bench.faults)
    finally:
        if running is not None:
            running.stop()
        mock.stop()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="+", metavar="TARGET")
    parser.add_argument("--seconds", type=float, default=5, help="length of a measured window (default %(default)s)")
    parser.add_argument(
        "--patience", type=float, default=30, help="wait so long for an idle machine, each time (default %(default)s s)"
    )
    parser.add_argument(
        "--rounds", type=int, default=1, help="measure all targets so often and take medians (default %(default)s)"
    )
    parser.add_argument("--cold", type=int, default=3, help="cold starts to take the median of (default %(default)s)")
    parser.add_argument(
        "--sections",
        type=lambda names: frozenset(Section(name) for name in names.split(",")),
        default=frozenset(Section),
        help=f"some of {','.join(Section)} (default: all)",
    )
    parser.add_argument("--no-pin", action="store_true", help="let the system choose the cores")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON instead of a table")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))  # inherited by mock and targets
    cores = sorted(os.sched_getaffinity(0))
    pinned = None if arguments.no_pin or len(cores) < 2 else ({cores[0]}, {cores[1]})
    if pinned is not None:
        os.sched_setaffinity(0, pinned[0])
    options = Options(
        seconds=arguments.seconds,
        cold_starts=arguments.cold,
        patience=arguments.patience,
        sections=arguments.sections,
        cores=pinned,
    )
    rounds: dict[str, list[Result]] = {}
    failed = False
    for name in arguments.targets * arguments.rounds:
        try:
            with alone():
                rounds.setdefault(name, []).append(measure(name, options))
        except Missing as reason:
            say(f"left out: {reason}")
        except (NotReady, OSError, ValueError) as reason:  # ValueError: a target's file that is wrong
            say(f"{name} failed: {reason}")
            failed = True
    results = [medians(results) for results in rounds.values()]
    if not results:
        return 1
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(results)).decode())
    else:
        print(f"{markdown(results)}\n\n{machine(len(cores))}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
