"""One short run of the whole, without a proxy between; and that runs wait for each other."""

import asyncio
import fcntl
import threading
from pathlib import Path

import pytest

from bench import measure
from bench.processes import cpu_seconds
from bench.sections import Bench, MockProcess, Options, Section
from bench.targets import Running, find_target


@pytest.mark.slow
def test_a_run_gives_every_figure_it_was_asked_for() -> None:
    sections = frozenset({Section.SMALL, Section.PACED200})
    options = Options(seconds=0.5, cold_starts=1, patience=0, sections=sections, cores=None)
    mock = MockProcess(None)
    running = Running(find_target("direct"), mock.port, None, find_target("x").parent)
    said: list[str] = []
    bench = Bench(running, mock, options, said.append)
    try:
        asyncio.run(bench.measure())
        used = cpu_seconds(mock.pid)
    finally:
        running.remove()
        mock.stop()
    assert bench.faults == []
    assert (bench.figures["paced200.delivered"] or 0) > 80
    for key in ("small.chat", "small.messages", "small.chat.rate", "paced200.cpu", "paced200.memory"):
        assert bench.figures[key] is not None
    assert 0 < (bench.figures["small.chat"] or 0) < 5000
    assert used > 0
    assert len(said) == 3


def test_a_second_run_waits_for_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, entered = threading.Event(), threading.Event()
    monkeypatch.setattr(measure, "CACHE", tmp_path)
    monkeypatch.setattr(measure, "say", lambda _: waiting.set())

    def enter() -> None:
        with measure.alone():
            entered.set()

    second = threading.Thread(target=enter)
    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        second.start()
        assert waiting.wait(5)
        assert not entered.is_set()
    assert entered.wait(5)
    second.join()
