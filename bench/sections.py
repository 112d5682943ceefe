"""The measured sections: what load runs against a target, and the figures of a window in it."""

import asyncio
import http.client
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from enum import StrEnum

import msgspec
from msgspec import Struct

from bench.answers import PLAIN_PIECES
from bench.load import Load
from bench.mock import Counts, Pace
from bench.processes import cpu_seconds, machine_seconds, memory_mb, on_cores
from bench.targets import Call, Running, free_port

START_POLLS, POLL = 200, 0.02  # of the mock: at most 4 seconds
WARM = 1.5  # seconds of load before a window
SETTLE = 1.0  # seconds between an answer, or the last opened stream, and a measurement
LULL, IDLE = 0.5, 0.15  # seconds looked at; of a core, what others may use
RATE = 20  # pieces a second of a paced stream
OPENED_A_SECOND = 250  # streams
SMALL, BIG = 300, 100_000  # characters of a prompt


class Section(StrEnum):
    COLD = "cold"
    SMALL = "small"
    PACED200 = "paced200"
    PACED1000 = "paced1000"
    BIG = "big"  # last: what it leaves behind would hide what streams take


# Figures by the keys of table.ROWS. None: could not be read.
Figures = dict[str, float | None]


class Options(Struct, frozen=True, kw_only=True):
    seconds: float
    cold_starts: int
    sections: frozenset[Section]
    patience: float  # seconds to wait for the rest of the machine to be idle, before each section
    cores: tuple[set[int], set[int]] | None  # of mock and load, of the target


class MockProcess:
    """The fake provider in a process of its own, on the core of the load."""

    def __init__(self, cores: set[int] | None) -> None:
        self.port = free_port()
        with on_cores(cores):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.mock", str(self.port)], start_new_session=True
            )
        self.pid = self._process.pid
        for _ in range(START_POLLS):
            if self._answers():
                return
            time.sleep(POLL)
        self.stop()
        raise OSError("the mock did not start")

    def _answers(self) -> bool:
        try:
            self.counts()
        except (OSError, http.client.HTTPException):
            return False
        return True

    def counts(self) -> Counts:
        return msgspec.json.decode(self._get("/count"), type=Counts)

    def set_pace(self, pace: Pace) -> None:
        self._get(f"/set?pieces={pace.pieces}&interval={pace.interval}")

    def _get(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class Sample(Struct, frozen=True, kw_only=True):
    """Clocks and counts at one moment."""

    at: float
    target: float
    harness: float
    machine: float
    answers: int
    pieces: int


class Window(Struct, frozen=True, kw_only=True):
    """What happened between two samples."""

    seconds: float
    cpu: float  # seconds, of the target's tree
    harness_percent: float  # of a core, by mock and load
    others_percent: float  # of a core, by everything else on the machine
    answers: int
    pieces: int


def microseconds(cpu: float, count: int) -> float | None:
    """CPU time for each; nothing came, nothing to say."""
    return cpu / count * 1e6 if count else None


class Bench:
    """One target being measured."""

    def __init__(self, running: Running, mock: MockProcess, options: Options, say: Callable[[str], None]) -> None:
        self._running, self._mock, self._options = running, mock, options
        self._say = say
        self.figures: Figures = {}
        self.faults: list[str] = []

    async def measure(self) -> None:
        """Raises NotReady."""
        target = self._running.target
        calls = {"chat": target.chat, "messages": target.messages, "translated": target.translated}
        served = {name: call for name, call in calls.items() if call is not None}
        first = next(iter(served.values()))
        await self._start(first)
        for name, call in served.items():
            self._running.wait_until_ready(call)
            if Section.SMALL in self._options.sections:
                await self._closed(f"small.{name}", call, SMALL, callers=32)
        before = memory_mb(self._root)
        for section, streams in ((Section.PACED200, 200), (Section.PACED1000, 1000)):
            if section in self._options.sections:
                await self._paced(str(section), first, streams, before)
        if Section.PACED200 in self._options.sections and target.translated is not None:
            await self._paced("paced200.translated", target.translated, 200, before)
        for name, call in served.items():
            if Section.BIG in self._options.sections and name != "translated":
                await self._closed(f"big.{name}", call, BIG, callers=8)

    @property
    def _root(self) -> int:
        return self._running.pid or self._mock.pid

    async def _start(self, call: Call) -> None:
        starts = self._options.cold_starts if Section.COLD in self._options.sections else 1
        taken = []
        for number in range(starts if self._running.target.command else 0):
            if number:
                self._running.stop()
            await self._wait_for_quiet()
            self._running.start()
            taken.append(self._running.wait_until_ready(call))
        if taken and Section.COLD in self._options.sections:
            await asyncio.sleep(2 * SETTLE)
            self.figures["cold"] = statistics.median(taken)
            self.figures["idle"] = memory_mb(self._root)
            self._say(f"cold {self.figures['cold']:.2f} s, idle {self.figures['idle'] or 0:.1f} MB")

    async def _wait_for_quiet(self) -> None:
        end = time.perf_counter() + self._options.patience
        while time.perf_counter() < end:
            before = machine_seconds()
            await asyncio.sleep(LULL)
            if machine_seconds() - before < LULL * IDLE:
                return

    async def _closed(self, key: str, call: Call, characters: int, callers: int) -> None:
        """Callers that ask again as soon as they are answered."""
        await self._wait_for_quiet()
        load = Load(self._running.port, self._running.request(call, characters), PLAIN_PIECES, again=True)
        await load.start(callers)
        await asyncio.sleep(WARM)
        window = await self._window(load)
        await load.stop()
        self.figures[key] = microseconds(window.cpu, window.answers)
        self.figures[f"{key}.rate"] = window.answers / window.seconds
        self._close(key, load, window, f"{self.figures[key] or 0:.0f} µs, {self.figures[f'{key}.rate']:.0f}/s")

    async def _paced(self, key: str, call: Call, streams: int, before: float | None) -> None:
        """Streams of RATE pieces a second, all open while the window is measured; each must come complete."""
        await self._wait_for_quiet()
        ramp = streams / OPENED_A_SECOND
        pieces = round((ramp + 2 * SETTLE + self._options.seconds + 1) * RATE)
        self._mock.set_pace(Pace(pieces=pieces, interval=1 / RATE))
        request = self._running.request(call, SMALL, stream=True)
        load = Load(self._running.port, request, pieces, again=False)
        await load.start(streams, over=ramp)
        await asyncio.sleep(SETTLE)
        window = await self._window(load)
        memory = memory_mb(self._root)
        await load.finish(limit=pieces / RATE + 10)
        self._mock.set_pace(Pace())
        if load.tally.answers + load.tally.faults != streams:
            self.faults.append(f"{key}: {streams - load.tally.answers} streams missing")
        self.figures[f"{key}.delivered"] = 100 * window.pieces / (streams * RATE * window.seconds)
        self.figures[f"{key}.cpu"] = microseconds(window.cpu, window.pieces)
        self.figures[f"{key}.core"] = 100 * window.cpu / window.seconds
        grown = None if memory is None or before is None else (memory - before) * 1024 / streams
        self.figures[f"{key}.memory"] = grown
        text = f"{self.figures[f'{key}.delivered']:.1f} % delivered, {self.figures[f'{key}.cpu'] or 0:.1f} µs a piece"
        self._close(key, load, window, text)

    async def _window(self, load: Load) -> Window:
        begin = self._sample(load)
        await asyncio.sleep(self._options.seconds)
        end = self._sample(load)
        seconds = end.at - begin.at
        harness = end.harness - begin.harness
        target = end.target - begin.target if self._root != self._mock.pid else 0.0
        others = end.machine - begin.machine - harness - target
        return Window(
            seconds=seconds,
            cpu=end.target - begin.target,
            harness_percent=100 * harness / seconds,
            others_percent=max(0.0, 100 * others / seconds),
            answers=end.answers - begin.answers,
            pieces=end.pieces - begin.pieces,
        )

    def _sample(self, load: Load) -> Sample:
        mock = cpu_seconds(self._mock.pid)
        return Sample(
            at=time.perf_counter(),
            target=cpu_seconds(self._root),
            harness=mock + sum(os.times()[:2]),
            machine=machine_seconds(),
            answers=load.tally.answers,
            pieces=load.tally.pieces,
        )

    def _close(self, key: str, load: Load, window: Window, text: str) -> None:
        if load.tally.faults:
            self.faults.append(f"{key}: {load.tally.faults} faults, first: {load.tally.first_fault}")
        self.figures["others"] = max(self.figures.get("others") or 0.0, window.others_percent)
        self._say(f"{key}: {text} (harness {window.harness_percent:.0f} %, others {window.others_percent:.0f} %)")
