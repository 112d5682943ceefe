"""Processes are looked at again and again; what is there at the end has been seen twice."""

from lethe.verify import watch
from lethe.verify.watch import watching


def test_what_comes_last_is_seen_twice() -> None:
    seen: list[str] = []

    class Watch(watch.Watch):
        def __init__(self) -> None:
            self.state = "before"

        def turn(self) -> None:
            seen.append(self.state)

    looking = Watch()
    with watching(looking):
        looking.state = "at the end"
    assert seen[0] == "before"
    assert seen[-2:] == ["at the end", "at the end"]
    assert seen.count("at the end") >= 2
