"""Child processes: what they are given, what they print, and how their end is told."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lethe.sandbox.children import FLAGS, Children, Program, channel
from lethe.sandbox.reactor import Reactor


class House:
    """Runs one program to its end."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.children = Children(self.reactor)
        self.reactor.handle({signal.SIGCHLD: self.children.reap})
        self.printed = b""

    def run(
        self, code: str, *arguments: str, environ: dict[str, str] | None = None, inherit: tuple[int, ...] = ()
    ) -> int:
        statuses: list[int] = []

        def exited(status: int) -> None:
            statuses.append(status)
            self.reactor.later(0.02, self.reactor.stop)  # for what is still in the pipe

        program = Program(arguments=("-c", code, *arguments), environ=environ or {}, inherit=inherit)
        self.children.start(program, exited, self._hear)
        limit = self.reactor.later(20, lambda: pytest.fail("it does not end"))
        self.reactor._stopped = False
        self.reactor.run()
        limit.cancel()
        (status,) = statuses
        return status

    def _hear(self, data: bytes) -> None:
        self.printed += data


@pytest.fixture
def house() -> Iterator[House]:
    before = signal.getsignal(signal.SIGCHLD)
    made = House()
    try:
        yield made
    finally:
        made.children.kill()
        made.reactor.close()
        signal.signal(signal.SIGCHLD, before)


SAY = "import sys, time; sys.stdout.write('out '); sys.stdout.flush(); sys.stderr.write('err'); sys.stderr.flush(); time.sleep(0.1)"

SHOW = """
import os, time
listed = sorted(map(int, os.listdir("/proc/self/fd")))
print(dict(os.environ), [fd for fd in listed if os.path.exists(f"/proc/self/fd/{fd}")])
time.sleep(0.1)
"""


def test_output_and_status(house: House) -> None:
    assert house.run(SAY + "; sys.exit(3)") == 3
    assert house.printed == b"out err"


def test_a_signal_is_a_negative_status(house: House) -> None:
    assert house.run("import os; os.kill(os.getpid(), 9)") == -signal.SIGKILL


def test_only_what_is_given(house: House) -> None:
    given, kept = channel()
    with given, kept:
        environ = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
        assert house.run(SHOW, environ=environ, inherit=(given.fileno(),)) == 0
        assert house.printed.decode().strip() == f"{environ} {[0, 1, 2, given.fileno()]}"


def test_flags(house: House) -> None:
    house.run(
        "import sys, time; print(sys.flags.no_user_site, sys.flags.safe_path, sys.flags.isolated); time.sleep(0.1)"
    )
    assert house.printed == b"1 True 0\n"
    assert FLAGS == ("-s", "-P")


def test_signals_to_the_group_are_not_for_children(house: House) -> None:
    code = "import signal, time; print(sorted(s.name for s in signal.pthread_sigmask(0, []))); time.sleep(0.1)"
    house.run(code)
    assert house.printed.decode().strip() == "['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM']"
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


def test_much_output_does_not_hold_it_up(house: House) -> None:
    assert house.run("import sys; sys.stdout.write('x' * 1_000_000)") == 0
    assert 0 < len(house.printed) <= 1_000_000


def test_all_are_ended_and_none_is_a_zombie(house: House) -> None:
    program = Program(arguments=("-c", "import time; time.sleep(60)"), environ={})
    pids = [house.children.start(program, lambda _: pytest.fail("told"), lambda _: None).pid for _ in range(3)]
    house.children.kill()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_child_that_could_not_be_started_leaves_the_mask_as_it_was(
    monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(FileNotFoundError):
        house.children.start(Program(arguments=(), environ={}), lambda _: None, lambda _: None)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


def test_stdin_is_empty(house: House) -> None:
    assert Program(arguments=(), environ={}).stdin == subprocess.DEVNULL
    assert house.run("import sys; sys.exit(len(sys.stdin.read()))") == 0
