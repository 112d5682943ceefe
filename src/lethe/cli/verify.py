"""Verify that nothing of requests and answers is kept: canaries through a throwaway Lethe, and every place searched.

The configuration is the operator's, with scripted upstreams in place of the real ones, so nothing leaves this machine
and nothing is paid for. Without a configuration a built-in one is verified at levels B and C.

examples:
  lethe verify --quick                              under a minute for each level
  lethe verify --config lethe.toml --mutants        everything, and the verification itself: planted leaks must be found
  lethe verify --quick --json --out verified.json   the signed report, for programs and for the posture
  lethe verify --check verified.json --public-key posture.key.pub   whose signature is on a report, and is it whole?
  lethe verify --live https://llm.example --key env:KEY --model m   what can be seen of a running one from outside

Exit status: 0 nothing found, 1 something found or promised and not kept, 2 called in a wrong way, 3 nothing found but
a place could not be looked at. With --check the same, of that report; 1 too where it is not whole, or signed by another
key, and 3 where no --public-key says whom to trust.
"""

import os
import signal
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from lethe.cli.configured import add_config_option, chosen_path, configured, source_of
from lethe.cli.output import CommandFailed, UsageFault, say
from lethe.cli.verdict import readable
from lethe.config.settings import Settings
from lethe.credentials.static import Unresolved, resolve, text_of
from lethe.retention.levels import Level
from lethe.verify.sample import LEVELS, SOURCE, sample

if TYPE_CHECKING:
    from lethe.evidence.signing import Signer


def options(parser: ArgumentParser) -> None:
    add_config_option(parser)
    parser.add_argument("--quick", action="store_true", help="each position, front and failure once, not all with all")
    parser.add_argument("--mutants", action="store_true", help="plant leaks too; each must be found")
    parser.add_argument("--out", metavar="FILE", help="write the signed report to a file as well")
    parser.add_argument("--check", metavar="FILE", help="show a report of before, and check its signature")
    parser.add_argument(
        "--public-key", metavar="FILE", help="the key that a report should be signed with, PEM or base64"
    )
    parser.add_argument("--live", metavar="URL", help="a running Lethe, as far as it can be seen from outside")
    parser.add_argument("--key", metavar="REFERENCE", help="a caller's key for --live, as env:NAME or file:PATH")
    parser.add_argument("--model", metavar="NAME", help="a model for --live; two short requests are paid for")


def execute(arguments: Namespace) -> int:
    if not arguments.live and (arguments.key or arguments.model):
        raise UsageFault("--key and --model go with --live")
    if arguments.live and (arguments.quick or arguments.mutants):
        raise UsageFault("--live and --quick or --mutants are two things")
    if arguments.public_key and not arguments.check:
        raise UsageFault("--public-key goes with --check")
    if arguments.check:
        if arguments.live or arguments.quick or arguments.mutants or arguments.out:
            raise UsageFault("--check looks at a report that is there: it goes with --public-key only")
        from lethe.cli.reported import check

        return check(arguments.check, arguments.public_key, json=arguments.json)
    from lethe.evidence.signing import PayloadType  # after the options are known to be good
    from lethe.verify.report import EXITS

    settings = _configured(arguments)
    signer, out = _signer(settings), _writable(arguments.out)  # before a run that takes minutes
    progress = Progress(sys.stderr.isatty())
    report = _live(arguments) if arguments.live else _verified(arguments, settings, progress)
    progress.close()
    signed = signer.sign(report, PayloadType.VERIFICATION)
    text = msgspec.json.format(msgspec.json.encode(signed), indent=2)
    if out is not None:
        _write(out, text)
    say(text.decode() if arguments.json else readable(report))
    return EXITS[report["outcome"]]


class Progress:
    """What runs, on stderr: one line that changes on a terminal, a line for each step elsewhere."""

    def __init__(self, terminal: bool) -> None:  # noqa: FBT001 - the one thing that it depends on
        self._terminal = terminal
        self._last = ""

    def __call__(self, what: str, done: int, of: int) -> None:
        if self._terminal:
            filled = 24 * done // max(of, 1)
            sys.stderr.write(f"\r\x1b[K{'#' * filled}{'.' * (24 - filled)} {what} {done}/{of}")
            sys.stderr.flush()
        elif what != self._last:
            sys.stderr.write(f"lethe verify: {what}\n")
        self._last = what

    def close(self) -> None:
        if self._terminal and self._last:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _configured(arguments: Namespace) -> list[tuple[str, Settings]]:
    """The operator's, or the built-in ones."""
    path = chosen_path(arguments)
    settings = configured(path)
    if settings is not None:
        return [(source_of(path), settings)]
    today = datetime.now(UTC).date()
    return [(SOURCE, sample(level, today)) for level in LEVELS]


def _verified(arguments: Namespace, settings: list[tuple[str, Settings]], progress: Progress) -> dict[str, Any]:
    from lethe.verify.instance import NotServing
    from lethe.verify.run import verify
    from lethe.verify.stage import Clock

    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        raise CommandFailed("it takes a folder for temporary files: TMPDIR, /tmp or /var/tmp") from None
    planted = sample(Level.C, datetime.now(UTC).date()) if arguments.mutants else None
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was made for it is taken away then, too
    try:
        return verify(
            settings, Clock(time.time, time.sleep, os.urandom), progress, quick=arguments.quick, mutants=planted
        )
    except NotServing as error:
        progress.close()
        raise CommandFailed(f"the instance to be verified does not serve: {error}") from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _live(arguments: Namespace) -> dict[str, Any]:
    from lethe.verify.live import look

    _check_address(arguments.live)
    key = None
    if arguments.key:
        try:
            key = resolve(arguments.key, os.environ)
        except Unresolved as error:
            raise UsageFault(f"--key: {error.reason} (env:NAME or file:PATH)") from None  # it may be the key itself
    report = look(arguments.live, key, arguments.model, os.urandom, time.time)
    if not report["requests"]:
        raise CommandFailed(f"{arguments.live} does not answer")
    return report


def _check_address(url: str) -> None:
    """Raises UsageFault."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or parts.query or parts.username or parts.path not in {"", "/"}:
        raise UsageFault("--live needs a URL such as https://llm.example")


def _signer(settings: list[tuple[str, Settings]]) -> "Signer":
    """The posture's key, or one that is made for this and says so."""
    from lethe.evidence.signing import KeyRefused, Signer

    reference = settings[0][1].posture_key
    try:
        return Signer.ephemeral() if reference is None else Signer.from_secret(text_of(reference, os.environ))
    except (Unresolved, KeyRefused) as error:
        raise CommandFailed(f"the posture key cannot be used: {error}") from None


def _writable(out: str | None) -> Path | None:
    """Where the report goes."""
    if out is None:
        return None
    path = Path(out)
    try:
        closed = path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK)
    except OSError:
        closed = True
    if closed:
        raise CommandFailed(f"{path} cannot be written")
    return path


def _write(path: Path, text: bytes) -> None:
    try:
        path.write_bytes(text + b"\n")
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}") from None
