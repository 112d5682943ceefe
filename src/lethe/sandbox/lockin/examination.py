"""A process locked in like a worker, on a ground of its own, to see what this host really refuses."""

import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from socket import create_server
from tempfile import TemporaryDirectory, gettempdir

import msgspec

from lethe.retention.enforcement import Mechanism
from lethe.sandbox import children, environment, generation
from lethe.sandbox.lockin.attempts import Ground
from lethe.sandbox.lockin.host import Host
from lethe.sandbox.lockin.trial import Order, Outcome

MODULE = "lethe.sandbox.lockin.trial"
_PATIENCE = 60.0  # seconds
_FILES = ("there", "removable", "open")


class ExaminationFailed(Exception):
    """The process did not come to an end that tells something. The text is fixed."""


def examine(host: Host | None = None, wanted: Collection[Mechanism] = tuple(Mechanism)) -> Outcome:
    """Start one, let it try everything, and take its word. Raises ExaminationFailed."""
    try:
        gettempdir()
    except FileNotFoundError:
        raise ExaminationFailed("it takes a folder for temporary files: TMPDIR, /tmp or /var/tmp") from None
    with (
        TemporaryDirectory(prefix="lethe-") as folder,
        create_server(("127.0.0.1", 0)) as configured,
        create_server(("127.0.0.1", 0)) as other,
    ):
        for name in _FILES:
            Path(folder, name).write_bytes(b"x")
        ground = Ground(folder, configured.getsockname()[1], other.getsockname()[1], os.getpid())
        return _run(Order(ground, host, tuple(wanted)))


def _run(order: Order) -> Outcome:
    command = (sys.executable, *children.FLAGS, *generation.FLAGS, "-m", MODULE)
    environ = environment.of_worker(os.environ)
    try:
        ended = subprocess.run(  # noqa: S603 - our own interpreter and module
            command, env=environ, input=msgspec.json.encode(order), capture_output=True, timeout=_PATIENCE, check=False
        )
        return msgspec.json.decode(ended.stdout, type=Outcome)
    except (subprocess.TimeoutExpired, msgspec.MsgspecError, OSError):
        raise ExaminationFailed("the process that was locked in did not report") from None
