"""A target: a TOML file that says how to start a proxy in front of the mock, and how to call it."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

from bench.answers import WORD
from bench.processes import on_cores, tree

HERE = Path(__file__).parent
INHERITED = ("PATH", "HOME", "LANG")
READY_WITHIN = 120.0  # seconds
POLL = 0.005
STOP_WITHIN = 15.0
PROMPT = "Tell me about the history of Rome, briefly. "


class Call(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to ask for one thing: its path, the model to name, the headers to send."""

    path: str = "/v1/chat/completions"
    model: str = "mock"
    headers: dict[str, str] = {}


class Target(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a target's file says. Without a command the mock itself is measured."""

    name: str
    command: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    install: str = ""  # how to get the command
    files: dict[str, str] = {}
    chat: Call | None = None  # OpenAI Chat all the way
    messages: Call | None = None  # Anthropic Messages all the way
    translated: Call | None = None  # Anthropic Messages in, OpenAI Chat out


class Missing(Exception):
    """The target's command is not installed."""


class NotReady(Exception):
    """The target ended, or gave no good answer in time."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find_target(name: str) -> Path:
    """A path, or the name of a file in targets/."""
    return Path(name) if name.endswith(".toml") else HERE / "targets" / f"{name}.toml"


class Running:
    """One target in a folder of its own: started, asked, stopped."""

    def __init__(self, file: Path, mock_port: int, cores: set[int] | None, peers: Path) -> None:
        """Raises Missing, OSError, tomllib.TOMLDecodeError, msgspec.ValidationError."""
        self._cores = cores
        self.folder = Path(tempfile.mkdtemp(prefix="lethe-bench-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        values = {
            "port": str(self.port),
            "port2": str(free_port()),
            "mock": str(mock_port),
            "folder": str(self.folder),
            "bin": str(Path(sys.executable).parent),
            "peers": str(peers),
        }
        text = file.read_text(encoding="utf-8")
        for key, value in values.items():
            text = text.replace("{" + key + "}", value)
        self.target = msgspec.convert(tomllib.loads(text), Target)
        if not self.target.command:
            self.port = mock_port
        elif shutil.which(self.target.command[0]) is None:
            self.remove()
            raise Missing(f"{self.target.name} is not installed: {self.target.install}")
        for name, content in self.target.files.items():
            (self.folder / name).write_text(content, encoding="utf-8")

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        if not self.target.command:
            return
        self._log = (self.folder / "log").open("ab")
        inherited = {name: value for name, value in os.environ.items() if name in INHERITED}
        with on_cores(self._cores):
            self._process = subprocess.Popen(
                self.target.command,
                cwd=self.folder,
                env={**inherited, **self.target.environment},
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )

    def stop(self) -> None:
        if self._process is None:
            return
        members = tree(self._process.pid)
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in members.keys() & tree(self._process.pid).keys():
            os.kill(pid, signal.SIGKILL)
        self._process = None
        if self._log is not None:
            self._log.close()

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def request(self, call: Call, characters: int, *, stream: bool = False) -> bytes:
        """The HTTP request with a prompt of so many characters."""
        prompt = (PROMPT * (characters // len(PROMPT) + 1))[:characters]
        body = msgspec.json.encode(
            {
                "model": call.model,
                "max_tokens": 1024,
                "messages": [{"role": "user", "content": prompt}],
                **({"stream": True} if stream else {}),
            }
        )
        headers = {
            "host": f"127.0.0.1:{self.port}",
            "content-type": "application/json",
            "accept": "*/*",
            "user-agent": "bench",
            "content-length": str(len(body)),
            **call.headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {call.path} HTTP/1.1\r\n{lines}\r\n".encode() + body

    def wait_until_ready(self, call: Call) -> float:
        """Seconds until the first good answer. Raises NotReady."""
        begin, last = time.perf_counter(), "nothing"
        request = self.request(call, 300)
        while time.perf_counter() - begin < READY_WITHIN:
            if self._process is not None and self._process.poll() is not None:
                raise NotReady(f"{self.target.name} ended with {self._process.returncode}; see {self.folder}/log")
            try:
                status, body = self._ask(request)
                if status == 200 and WORD in body:
                    return time.perf_counter() - begin
                last = f"status {status}"
            except (OSError, http.client.HTTPException) as error:
                last = type(error).__name__
            time.sleep(POLL)
        raise NotReady(f"{self.target.name} gave no good answer in {READY_WITHIN:.0f} s: {last}; see {self.folder}/log")

    def _ask(self, request: bytes) -> tuple[int, bytes]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(request)
            response = http.client.HTTPResponse(connection, method="POST")
            response.begin()
            return response.status, response.read()
