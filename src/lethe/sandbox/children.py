"""Child processes: started with nothing but what they are given, and missed when they end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from msgspec import Struct

from lethe.sandbox.reactor import READ, Reactor

FLAGS: tuple[str, ...] = ("-s", "-P")  # not -I or -E: they would ignore PYTHONMALLOC
_SHARED = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
_READ_SIZE = 64 * 1024


class Program(Struct, frozen=True, kw_only=True):
    """What to run with our interpreter. `inherit` are descriptors that keep their numbers."""

    arguments: tuple[str, ...]
    environ: Mapping[str, str]
    inherit: tuple[int, ...] = ()
    stdin: int = subprocess.DEVNULL
    stderr: int = subprocess.STDOUT


class Child:
    """A running process. `output` is the reading end of its stdout (and stderr, where it has no other)."""

    def __init__(self, process: subprocess.Popen[bytes], exited: Callable[[int], None]) -> None:
        self.process = process
        self.exited = exited
        self.started = time.monotonic()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def lived(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started

    def kill(self) -> None:
        """End it at once; its exit is reported as always."""
        self.process.kill()


class Children:
    """All that run. `reap` must be called on SIGCHLD."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._running: list[Child] = []

    def start(self, program: Program, exited: Callable[[int], None], output: Callable[[bytes], None]) -> Child:
        """Run it; `exited` gets its status (negative: a signal), `output` what it prints. Raises OSError."""
        process = _without_our_signals(
            lambda: subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                (sys.executable, *FLAGS, *program.arguments),
                env=program.environ,
                stdin=program.stdin,
                stdout=subprocess.PIPE,
                stderr=program.stderr,
                bufsize=0,
                pass_fds=program.inherit,
            )
        )
        child = Child(process, exited)
        self._running.append(child)
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        self._listen(process.stdout.fileno(), output)
        return child

    def connected(
        self,
        program: Callable[[int], Program],
        exited: Callable[[int], None],
        output: Callable[[bytes], None],
    ) -> tuple[Child, socket.socket]:
        """Run what is made of its end of a channel, which it has to inherit; and our end. Raises OSError."""
        ours, theirs = channel()
        with theirs:
            try:
                return self.start(program(theirs.fileno()), exited, output), ours
            except OSError:
                ours.close()
                raise

    def reap(self) -> None:
        """Report every child that has ended."""
        for child in tuple(self._running):
            status = child.process.poll()
            if status is not None:
                self._running.remove(child)
                self._close(child)
                child.exited(status)

    def kill(self) -> None:
        """End all of them at once, and wait for that; nobody is told."""
        for child in self._running:
            child.process.kill()
        for child in self._running:
            child.process.wait()
            self._close(child)
        self._running.clear()

    def _listen(self, fd: int, output: Callable[[bytes], None]) -> None:
        os.set_blocking(fd, False)

        def ready(_: int) -> None:
            try:
                data = os.read(fd, _READ_SIZE)
            except BlockingIOError:
                return
            if data:
                output(data)
            else:
                self._reactor.forget(fd)

        self._reactor.watch(fd, READ, ready)

    def _close(self, child: Child) -> None:
        if child.process.stdout is not None:
            self._reactor.forget(child.process.stdout.fileno())
            child.process.stdout.close()
        if child.process.stdin is not None:
            child.process.stdin.close()


def channel() -> tuple[socket.socket, socket.socket]:
    """Both ends; neither is inherited by any child that is not given it."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


def _without_our_signals(start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Children keep the mask: signals to the whole group (Ctrl-C, a service manager) are the supervisor's to act on."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SHARED)
    try:
        return start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
