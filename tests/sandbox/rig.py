"""A real `lethe serve` and its children, looked at from outside: signals, exit codes, output, /proc."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from tests.e2e.served import LISTENING, route, upstream

COMMAND: tuple[str, ...] = (sys.executable, "-m", "lethe.cli.main", "serve")
PATIENCE = 20.0  # seconds for anything to happen on a loaded machine
WORKER, BROKER = "lethe.sandbox.worker", "lethe.sandbox.broker"
SECRET = "sk-secret-51f7"
ASK: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}


def configured(url: str, *, level: str = "C", more: str = "") -> str:
    """All that is asked goes to an Anthropic upstream at `url`."""
    retention = f'[retention]\nlevel = "{level}"\naccept_classes = ["U6"]\n' if level != "C" else ""
    return retention + upstream("a", "anthropic", url) + route("*", "a") + more


def eventually(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not happen: {what}"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Runs, and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def cmdline(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]


def memory(pid: int) -> bytes:
    """All that a process may write to."""
    held = []
    with Path(f"/proc/{pid}/mem").open("rb") as mem:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, rights = line.split()[:2]
            if rights.startswith("rw"):
                begin, _, end = place.partition("-")
                mem.seek(int(begin, 16))
                held.append(mem.read(int(end, 16) - int(begin, 16)))
    return b"".join(held)


class Daemon:
    """The supervisor's process. `stderr` and `stdout` are the lines so far; stdout only where it is a pipe of ours."""

    def __init__(self, process: "subprocess.Popen[str]", path: Path) -> None:
        self.process = process
        self.config = path
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self._readers = [
            self._reader(stream, lines)
            for stream, lines in ((process.stdout, self.stdout), (process.stderr, self.stderr))
            if stream is not None
        ]

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        return "\n".join(self.stderr)

    @property
    def url(self) -> str:
        """Where it listens; waits for it."""
        self.until("listening on ")
        found = LISTENING.search(self.said)
        assert found
        return found[1]

    @property
    def children(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def running(self, module: str) -> list[int]:
        """Children that run a module of ours."""
        return [pid for pid in self.children if alive(pid) and module in cmdline(pid)]

    def until(self, text: str, times: int = 1) -> None:
        """Wait until it said so on stderr."""
        eventually(lambda: self.said.count(text) >= times or self._silent(), f"{text!r} in {self.said!r}")
        assert self.said.count(text) >= times, self.said

    def events(self, count: int) -> list[dict[str, Any]]:
        """The first lines of the ledger; waits for them."""
        eventually(lambda: len(self.stdout) >= count, f"{count} events")
        return [json.loads(line) for line in self.stdout]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def exit_code(self, seconds: float = PATIENCE) -> int:
        """Wait for its end."""
        code = self.process.wait(seconds)
        for reader in self._readers:
            reader.join(PATIENCE)
        return code

    def end(self) -> None:
        """Leave nothing running."""
        try:
            children = self.children
        except (FileNotFoundError, ProcessLookupError):
            children = []
        self.process.kill()
        self.process.wait()
        for pid in children:
            if alive(pid) and any(part.startswith("lethe.") for part in cmdline(pid)):
                os.kill(pid, signal.SIGKILL)
        for reader in self._readers:
            reader.join(PATIENCE)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _silent(self) -> bool:
        return self.process.poll() is not None and not any(reader.is_alive() for reader in self._readers)

    @staticmethod
    def _reader(stream: IO[str], lines: list[str]) -> threading.Thread:
        def read() -> None:
            lines.extend(line.rstrip("\n") for line in stream)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread


@contextmanager
def daemon(
    folder: Path,
    config: str,
    *options: str,
    environ: dict[str, str] | None = None,
    stdout: int = subprocess.PIPE,
    command: Sequence[str] = COMMAND,
) -> Iterator[Daemon]:
    """Start it, in a session and process group of its own; it need not come up."""
    path = folder / "lethe.toml"
    path.write_text(config)
    port = () if "--port" in options else ("--port", "0")
    process = subprocess.Popen(
        [*command, "--config", str(path), *port, *options],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        start_new_session=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "FAKE_KEY": SECRET, **(environ or {})},
    )
    started = Daemon(process, path)
    try:
        yield started
    finally:
        started.end()


class Caller:
    """One connection to it, kept open between requests."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self._connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE)
        self._open: http.client.HTTPResponse | None = None

    def post(self, body: Any = ASK, path: str = "/v1/messages", **headers: str) -> tuple[int, bytes]:
        self._connection.request("POST", path, json.dumps(body), {"content-type": "application/json", **headers})
        reply = self._connection.getresponse()
        return reply.status, reply.read()

    def get(self, path: str) -> tuple[int, bytes]:
        self._connection.request("GET", path)
        reply = self._connection.getresponse()
        return reply.status, reply.read()

    def stream(self, body: Any = ASK) -> http.client.HTTPResponse:
        """Open a stream that has some content, and read its first line."""
        self._connection.request(
            "POST", "/v1/messages", json.dumps({**body, "stream": True}), {"content-type": "application/json"}
        )
        reply = self._open = self._connection.getresponse()
        assert (reply.status, reply.readline()) == (200, b"event: message_start\n")
        return reply

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
        self._connection.close()


def ask(url: str, body: Any = ASK, **headers: str) -> tuple[int, bytes]:
    """One request on a connection of its own."""
    caller = Caller(url)
    try:
        return caller.post(body, **headers)
    finally:
        caller.close()


def get(url: str, path: str) -> tuple[int, bytes]:
    caller = Caller(url)
    try:
        return caller.get(path)
    finally:
        caller.close()


def metric(url: str, name: str) -> float:
    """The sum of a metric's samples."""
    _, page = get(url, "/metrics")
    lines = [line for line in page.decode().splitlines() if line.startswith((name + " ", name + "{"))]
    return sum(float(line.rpartition(" ")[2]) for line in lines)
