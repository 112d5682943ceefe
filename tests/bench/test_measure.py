"""One short run of the whole, without a proxy between."""

import asyncio

import pytest

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
