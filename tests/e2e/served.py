"""A real `lethe serve` process, started from a configuration text and stopped as an init system does it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

COMMAND: Sequence[str] = (sys.executable, "-m", "lethe.cli.main", "serve")
LISTENING = re.compile(r"listening on (https?://\S+)")
STARTED, STOPPED = 20.0, 20.0  # seconds; a start takes about half of one


class Lethe:
    """`url` is without a trailing slash; `stdout` and `stderr` hold the lines so far."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self.url = ""
        self._terminated = False
        self._read = threading.Condition()
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [self._reader(process.stdout, self.stdout), self._reader(process.stderr, self.stderr)]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The request events on stdout so far."""
        return [json.loads(line) for line in self.stdout]

    def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait until lines that the process wrote make `condition` true. Raises TimeoutError."""
        with self._read:
            if not self._read.wait_for(condition, seconds):
                raise TimeoutError("lethe serve did not write what was waited for:\n" + "\n".join(self.stderr))

    def wait_listening(self) -> None:
        """Until it has said where it listens and answers there."""
        self.until(lambda: self._where() is not None or not self._readers[1].is_alive(), STARTED)
        where = self._where()
        assert where is not None, "lethe serve ended: " + "\n".join(self.stderr)
        self.url = where
        deadline = time.monotonic() + STARTED
        while not self._healthy():
            assert time.monotonic() < deadline, "no answer from /health:\n" + "\n".join(self.stderr)
            time.sleep(0.02)

    def terminate(self) -> None:
        """SIGTERM, once."""
        if not self._terminated and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self._terminated = True

    def stop(self) -> int:
        """SIGTERM if it was not sent yet, and the exit code."""
        self.terminate()
        try:
            code = self.process.wait(STOPPED)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            for reader in self._readers:
                reader.join(STOPPED)
            for stream in (self.process.stdout, self.process.stderr):
                assert stream is not None
                stream.close()
        return code

    def _where(self) -> str | None:
        return next((found[1] for line in list(self.stderr) if (found := LISTENING.search(line))), None)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/health", timeout=5) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    def _reader(self, stream: IO[str], lines: list[str]) -> threading.Thread:
        def read() -> None:
            for line in stream:
                with self._read:
                    lines.append(line.rstrip("\n"))
                    self._read.notify_all()
            with self._read:
                self._read.notify_all()

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread


@contextmanager
def lethe(folder: Path, config: str, *options: str, environ: Mapping[str, str] | None = None) -> Iterator[Lethe]:
    """Serve `config` from `folder` on a free port. Fails if the process does not end with 0 on SIGTERM."""
    path = folder / "lethe.toml"
    path.write_text(config)
    process = subprocess.Popen(
        [*COMMAND, "--config", str(path), "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "FAKE_KEY": "fake-key", **(environ or {})},
    )
    served = Lethe(process)
    try:
        served.wait_listening()
        yield served
    finally:
        code = served.stop()
    assert code == 0, f"lethe serve ended with {code}:\n" + "\n".join(served.stderr)


def upstream(name: str, dialect: str, url: str, *lines: str) -> str:
    """The table of an upstream at a fake; `url` is the fake's, `lines` are further settings."""
    base = url + ("/v1" if dialect.startswith("openai-") else "")
    settings = (
        f'dialect = "{dialect}"',
        f'base_url = "{base}"',
        'class = "U6"',
        'reason = "a scripted upstream"',
        'api_key = "env:FAKE_KEY"',
    )
    return "\n".join([f"[upstreams.{name}]", *settings, *lines, ""])


def route(model: str, *to: str, lines: Sequence[str] = ()) -> str:
    """A table of `[[routes]]`."""
    targets = ", ".join(f'"{target}"' for target in to)
    return "\n".join(["[[routes]]", f'model = "{model}"', f"to = [{targets}]", *lines, ""])
