"""A real `lethe serve` in a folder of its own, everything it prints caught, for commands that try it out."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

START_WAIT, STOP_WAIT = 60.0, 20.0  # seconds
OUTPUT_LIMIT = 1024 * 1024  # bytes kept of each output
LISTENING = "listening on "
# No provider's key and no LETHE_* setting: the server is to find nothing but the embedded model.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ")


class TrialFailed(Exception):
    """One clear line for people."""


class Trial:
    """The running server. `printed` and `said` hold its stdout and stderr so far."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.printed = bytearray()
        self.said = bytearray()
        self._grown = threading.Condition()
        self._readers = [
            threading.Thread(target=self._catch, args=(stream, into), daemon=True)
            for stream, into in ((process.stdout, self.printed), (process.stderr, self.said))
        ]
        for reader in self._readers:
            reader.start()

    def _catch(self, stream: IO[bytes], into: bytearray) -> None:
        while line := stream.readline(OUTPUT_LIMIT):
            with self._grown:
                into += line[: OUTPUT_LIMIT - len(into)]
                self._grown.notify_all()

    def url(self) -> str:
        """Where it listens, once it says so. Raises TrialFailed with its last words if it ends or takes too long."""
        deadline = time.monotonic() + START_WAIT
        while self.process.poll() is None and time.monotonic() < deadline:
            with self._grown:
                if address := listening_address(self.said):
                    return address
                self._grown.wait(0.1)  # not longer: nobody wakes us when it ends
        self._join()
        last = self.said.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise TrialFailed(f"the server did not start: {last[0]}")

    def _join(self) -> None:
        for reader in self._readers:
            reader.join(1.0)

    def lines(self, wanted: int, seconds: float) -> list[bytes]:
        """The lines that it printed, after waiting for so many of them."""
        deadline = time.monotonic() + seconds
        with self._grown:
            while self.printed.count(b"\n") < wanted and (left := deadline - time.monotonic()) > 0:
                self._grown.wait(left)
            return bytes(self.printed).splitlines()

    def stop(self) -> int:
        """Ask it to end, and wait. Returns its exit status, negative for a signal."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_WAIT)
        except subprocess.TimeoutExpired:
            raise TrialFailed(f"the server had not ended {STOP_WAIT:.0f} s after SIGTERM") from None
        self._join()
        return status


def listening_address(said: bytes | bytearray) -> str | None:
    """The URL in the line that says where the server listens."""
    _, found, rest = said.decode("utf-8", "replace").partition(LISTENING)
    line, ended, _ = rest.partition("\n")
    return line.split()[0] if found and ended else None


def environment(folder: Path, ours: Mapping[str, str]) -> dict[str, str]:
    """What the server gets to see: homes and temporary files all inside the folder."""
    homes = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"), str(folder))
    return {name: ours[name] for name in PASSED_ON if name in ours} | homes


SERVE = ("-P", "-m", "lethe.cli.main", "serve", "--host", "127.0.0.1", "--port", "0")


@contextmanager
def serving(folder: Path, arguments: Sequence[str] = SERVE) -> Iterator[Trial]:
    """Starts `lethe serve` on a free loopback port; whatever happens, it is gone afterwards.

    `arguments` are the interpreter's.
    """
    with subprocess.Popen(  # noqa: S603 - this interpreter, and a module of ours
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment(folder, os.environ),
        start_new_session=True,  # Ctrl-C reaches us, and we stop it
    ) as process:
        try:
            yield Trial(process)
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(STOP_WAIT)
                except subprocess.TimeoutExpired:
                    process.kill()
