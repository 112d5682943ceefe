"""A redis-server of our own, which can be killed."""

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from lethe.config.plan import LimitStore

PASSWORD = "pass-of-the-store"


class Store:
    """A redis-server of our own."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def place(self) -> LimitStore:
        return LimitStore(host="127.0.0.1", port=self.port, password="env:P")

    def start(self) -> None:
        words = [
            "redis-server",
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--requirepass",
            PASSWORD,
        ]
        self._process = subprocess.Popen(words, cwd=self._folder, stdout=subprocess.DEVNULL)
        for _ in range(500):
            if self.ask("PING") == "PONG":
                return
            time.sleep(0.02)
        raise AssertionError("redis-server does not come up")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextlib.contextmanager
    def held_up(self) -> Iterator[None]:
        """It answers nothing meanwhile, and everything afterwards."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def watched(self) -> Iterator[bytearray]:
        """What it is told meanwhile."""
        told, words = bytearray(), ["redis-cli", "-p", str(self.port), "--no-auth-warning", "-a", PASSWORD, "MONITOR"]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            try:
                yield told
            finally:
                self.ask("PING")
                process.kill()
                told += process.stdout.read()

    def ask(self, *words: str) -> str:
        command = ["redis-cli", "-p", str(self.port), "--no-auth-warning", "-a", PASSWORD, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Store]:
    """One that answers, and is gone afterwards."""
    assert shutil.which("redis-server"), "apt-get install redis-server"
    made = Store(folder)
    made.start()
    try:
        yield made
    finally:
        made.stop()
