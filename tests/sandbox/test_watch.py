"""A watched file, with timers that the test lets go off."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import cast

from lethe.sandbox.reactor import Reactor
from lethe.sandbox.watch import Watch


class Looks:
    """Stands for the reactor: one timer, which is always the next look."""

    def __init__(self) -> None:
        self.next: Callable[[], None] | None = None

    def later(self, _: float, call: Callable[[], None]) -> None:
        self.next = call

    def look(self) -> None:
        assert self.next is not None
        self.next()


def test_changes_are_told_until_they_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    told: list[bool] = []
    looks = Looks()
    watch = Watch(cast("Reactor", looks), path, lambda: told.append(True))
    looks.look()
    assert told == []
    path.write_text("three")
    looks.look()
    looks.look()
    looks.look()
    assert len(told) == 2
    watch.seen()
    looks.look()
    assert len(told) == 2
    os.utime(path, ns=(1, 1))
    looks.look()
    looks.look()
    assert len(told) == 3


def test_a_file_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    """Half of a configuration may be a whole one, with a laxer level and without its keys."""
    path = tmp_path / "file"
    path.write_text("one")
    told: list[str] = []
    looks = Looks()
    Watch(cast("Reactor", looks), path, lambda: told.append(path.read_text()))
    with path.open("w") as file:
        for part in ("fo", "ur", "th"):
            file.write(part)
            file.flush()
            looks.look()
    assert told == []
    looks.look()
    assert told == ["fourth"]


def test_a_file_that_is_gone_waits(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    told: list[bool] = []
    looks = Looks()
    Watch(cast("Reactor", looks), path, lambda: told.append(True))
    path.unlink()
    looks.look()
    assert told == []
    path.write_text("again")
    looks.look()
    looks.look()
    assert told == [True]
