"""The embedded model's process, as the supervisor keeps it: one port, one key, as long as we run."""

import os
import socket
import subprocess
from collections.abc import Callable

import msgspec

from lethe.sandbox import environment
from lethe.sandbox.backoff import Backoff
from lethe.sandbox.children import Child, Children, Program
from lethe.sandbox.reactor import Reactor

MODULE = "lethe.upstream.embedded"
REFERENCE = "embedded:"  # stands for its key among the credentials
PATIENCE = 5  # starts that may fail before it is given up
_READY = b"ready\n"


class Engine:
    """`ready` is called when it first answers, `failed` when it does not come up at all."""

    def __init__(
        self,
        reactor: Reactor,
        children: Children,
        ready: Callable[[], None],
        failed: Callable[[], None],
        program: tuple[str, ...] = ("-m", MODULE),
    ) -> None:
        self.ready = False
        self.port = 0  # until the first start
        self.key = os.urandom(32).hex()
        self._reactor = reactor
        self._children = children
        self._became_ready = ready
        self._failed = failed
        self._program = program
        self._backoff = Backoff()
        self._child: Child | None = None
        self._printed = b""
        self._stopped = False
        self._start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def stop(self) -> None:
        """It ends when its stdin does."""
        self._stopped = True
        if self._child is not None and self._child.process.stdin is not None:
            self._child.process.stdin.close()

    def _start(self) -> None:
        if self._stopped:
            return
        self._printed = b""
        program = Program(
            arguments=self._program,
            environ=environment.bare(os.environ),
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            self.port = self.port or _free_port()
            self._child = self._children.start(program, self._exited, self._heard)
        except OSError:  # no descriptors or processes are left now
            self._reactor.later(0.0, lambda: self._exited(1))
            return
        order = msgspec.json.encode({"port": self.port, "api_key": self.key}) + b"\n"
        assert self._child.process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            self._child.process.stdin.write(order)
        except OSError:
            return  # it has ended already, which its exit tells

    def _heard(self, data: bytes) -> None:
        self._printed = (self._printed + data)[: len(_READY)]
        if self._printed == _READY and not self.ready:
            self.ready = True
            self._became_ready()

    def _exited(self, status: int) -> None:
        del status
        child, self._child = self._child, None
        if self._stopped:
            return
        wait = self._backoff.after(child.lived if child is not None else 0.0)
        if not self.ready and self._backoff.failures >= PATIENCE:
            self._stopped = True
            self._failed()
            return
        self._reactor.later(wait, self._start)


def _free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
