"""A Lethe that is started to be looked at, with folders, an environment and secrets of its own, and thrown away."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from lethe.config.plan import Plan
from lethe.retention.enforcement import Enforcement
from lethe.sandbox.generation import MODULE as WORKER_MODULE
from lethe.verify import apart, host, procfs
from lethe.verify.output import Capture
from lethe.verify.procfs import Opened
from lethe.verify.throwaway import Throwaway
from lethe.verify.trap import Trap

DEFAULT: tuple[str, ...] = ("-m", WORKER_MODULE)
TRAP = "{trap}"  # in a program's words: the trap's port
DRAIN = 2.0  # seconds
_START, _STOP = 60.0, 15.0  # seconds
_TURN = 0.01


class NotServing(Exception):
    """The instance does not come up, or has gone. The text is what it says to an operator."""


class Manner(Struct, frozen=True, kw_only=True):
    """How it is run. `tracer` goes before the command; `plant` is told to the host."""

    program: tuple[str, ...] = DEFAULT
    plant: str | None = None
    workers: int = 1
    tracer: tuple[str, ...] = ()


class Instance:
    """One throwaway instance; `running` makes it. It may be ended and started again in the same place."""

    def __init__(self, made: Throwaway, manner: Manner, folder: Path, trap: Trap) -> None:
        self.plan: Plan = made.settings.plan
        self.keys: Mapping[str, str] = made.keys
        self.folder = folder
        self.trap = trap
        self.url = ""
        self.enforcement: tuple[Enforcement, ...] = ()
        self.opened: dict[int, Opened] = {}
        self.stdout: list[Capture] = []  # of each start, in order
        self.stderr: list[Capture] = []
        self._made = made
        self._manner = manner
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._listener: threading.Thread | None = None
        self._serving = threading.Event()
        self._why: str | None = None

    @property
    def pid(self) -> int:
        """The supervisor's process."""
        assert self._process is not None  # noqa: S101 - it has been started
        return self._process.pid

    def workers(self) -> list[int]:
        """Workers that run, by process."""
        return [pid for pid, each in self.opened.items() if each.role == procfs.WORKER and procfs.alive(pid)]

    def family(self) -> list[int]:
        """The supervisor and everything that it or its children have started."""
        return procfs.family(self.pid)

    def open(self, pid: int, role: str) -> None:
        """Hold on to a process, once."""
        if pid not in self.opened:
            self.opened[pid] = Opened(pid, role)

    def start(self) -> None:
        """Raises NotServing."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [
                    *(*self._manner.tracer, *apart.words()),
                    *(sys.executable, "-s", "-P", "-m", host.MODULE, str(theirs.fileno())),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self.folder / "cwd",
                env=self._environ(),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        assert process.stdout is not None  # noqa: S101 - both are pipes
        assert process.stderr is not None  # noqa: S101
        self.stdout.append(Capture(process.stdout))
        self.stderr.append(Capture(process.stderr))
        self._control, self._why = ours, None
        _await(ours)
        self.open(process.pid, procfs.SUPERVISOR)
        self._serving.clear()
        self._listener = threading.Thread(target=self._listen, args=(ours,), daemon=True)
        self._listener.start()
        host.send(ours, self._order())
        if not self._serving.wait(_START):
            raise NotServing("the instance did not come up in time")
        self._raise_refusal()

    def _raise_refusal(self) -> None:
        if self._why is not None:
            raise NotServing(self._why)

    def close_output(self) -> None:
        """As when whoever reads its log goes away."""
        self.stdout[-1].close()

    def terminate(self) -> None:
        """SIGTERM to the supervisor; it may take its time."""
        assert self._process is not None  # noqa: S101 - it has been started
        self._process.send_signal(signal.SIGTERM)

    def ended(self, seconds: float = _STOP) -> int:
        """Wait for its end, if need be by force; the exit status."""
        assert self._process is not None  # noqa: S101 - it has been started
        family = self.family()
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        for pid in family[1:]:
            if procfs.alive(pid) and procfs.words(pid).find(b"lethe.") >= 0:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        for capture in (self.stdout[-1], self.stderr[-1]):
            capture.join(1.0)
        if self._control is not None:
            self._control.close()
        return status

    def restart(self) -> None:
        """End it and start it again. Raises NotServing."""
        self.terminate()
        self.ended()
        self.start()

    def recovered(self, seconds: float = 20.0) -> None:
        """Wait until all workers run again and accept. Raises NotServing."""
        until(lambda: len(self.workers()) >= self._manner.workers and _ready(self.url), seconds)

    def stop(self) -> None:
        """SIGTERM, and wait; what it has printed is complete then."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.terminate()
            self.ended()

    def close(self) -> None:
        self.stop()
        for each in self.opened.values():
            each.close()

    def _order(self) -> host.Order:
        return host.Order(
            settings=self._made.settings,
            workers=self._manner.workers,
            drain=DRAIN,
            program=tuple(str(self.trap.port) if word == TRAP else word for word in self._manner.program),
            plant=self._manner.plant,
            findings=self._made.findings,
            port=urlsplit(self.url).port or 0,  # the second time where it was the first time
        )

    def _listen(self, control: socket.socket) -> None:
        try:
            while (said := host.receive(control, host.SAID)) is not None:
                match said:
                    case host.Begun(pid=pid):
                        self.open(pid, procfs.WORKER)
                        control.sendall(b"g")
                    case host.Serving(url=url, enforcement=enforcement):
                        self.url, self.enforcement = url, enforcement
                        self._serving.set()
                    case host.Refused(why=why):
                        self._why = why
                        self._serving.set()
        except OSError:
            pass
        if not self._serving.is_set():
            self._why = "it ended before it served"
            self._serving.set()

    def _environ(self) -> dict[str, str]:
        """Its own folders, and a trap in every variable that could lead content astray."""
        trap = f"http://127.0.0.1:{self.trap.port}"
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SSLKEYLOGFILE": str(self.folder / "home" / "keys.log"),
            "HTTP_PROXY": trap,
            "HTTPS_PROXY": trap,
            "ALL_PROXY": trap,
            "OTEL_EXPORTER_OTLP_ENDPOINT": trap,
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
            "SENTRY_DSN": f"http://public@127.0.0.1:{self.trap.port}/1",
            "ANTHROPIC_LOG": "debug",
            "OPENAI_LOG": "debug",
            **self._made.environ,
        }


def _await(control: socket.socket) -> None:
    """Until it is the program that it is to be: what was opened before would be of another. Raises NotServing."""
    control.settimeout(_START)
    try:
        said = host.receive(control, host.SAID)
    except OSError:
        said = None
    control.settimeout(None)
    if said is None:
        raise NotServing("it ended before it served")


def until(condition: Callable[[], bool], seconds: float) -> None:
    """Raises NotServing."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise NotServing("the instance did not recover in time")
        time.sleep(_TURN)


def _ready(url: str) -> bool:
    """Does somebody answer there?"""
    place = urlsplit(url)
    try:
        with socket.create_connection((place.hostname or "", place.port or 0), timeout=5.0) as connection:
            connection.sendall(b"GET /ready HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


@contextmanager
def running(made: Throwaway, manner: Manner | None = None) -> Iterator[Instance]:
    """An instance that serves, for the time of the block; its folder is removed with it. Raises NotServing."""
    with tempfile.TemporaryDirectory(prefix="lethe-verify-") as folder:
        for name in ("home", "tmp", "cwd"):
            (Path(folder) / name).mkdir()
        trap = Trap()
        instance = Instance(made, manner or Manner(), Path(folder), trap)
        try:
            instance.start()
            yield instance
        finally:
            instance.close()
            trap.close()
