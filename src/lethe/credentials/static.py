"""Secrets that are simply there: in an environment variable or in a file."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

LIMIT = 64 * 1024  # bytes of a secret's file
SCHEMES: tuple[str, ...] = ("env", "file")

Stamp: TypeAlias = tuple[int, int, int]  # modification time in ns, size, inode


class Unresolved(Exception):
    """A reference that leads to no secret. `reason` is one of a few fixed phrases; a value is never quoted."""

    def __init__(self, reference: str, reason: str) -> None:
        super().__init__(f"{reference}: {reason}")
        self.reference = reference
        self.reason = reason


def resolve(reference: str, environ: Mapping[str, str]) -> str:
    """The secret behind `env:NAME` or `file:/path`, as a header carries it: without one trailing newline.

    Raises Unresolved.
    """
    value = text_of(reference, environ).removesuffix("\n").removesuffix("\r")
    if not value:
        raise Unresolved(reference, "it is empty")
    if not (value.isascii() and value.isprintable()):
        raise Unresolved(reference, "it holds characters that no header can carry")
    return value


def text_of(reference: str, environ: Mapping[str, str]) -> str:
    """The whole text behind a reference; a key in PEM has several lines. Raises Unresolved."""
    scheme, _, place = reference.partition(":")
    match scheme:
        case "env":
            value = environ.get(place)
            if value is None:
                raise Unresolved(reference, "the variable is not set")
        case "file":
            value = _read(reference, Path(place))
        case _:
            raise Unresolved(reference, "no such scheme in this version")
    return value


def stamp(reference: str) -> Stamp | None:
    """Changes whenever the file behind a reference does; None when there is no file."""
    scheme, _, place = reference.partition(":")
    if scheme != "file":
        return None
    try:
        status = os.stat(place)  # noqa: PTH116 - the secret may be a link that is swapped: follow it
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(reference: str, path: Path) -> str:
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unresolved(reference, "it is a pipe or a device, not a file")
            content = file.read(LIMIT + 1)
    except FileNotFoundError:
        raise Unresolved(reference, "there is no such file") from None
    except OSError:
        raise Unresolved(reference, "the file cannot be read") from None
    if len(content) > LIMIT:
        raise Unresolved(reference, "the file is too large for a secret")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Unresolved(reference, "the file is not text") from None


def _without_waiting(path: str, flags: int) -> int:
    """A pipe waits for somebody who writes: nothing else would be served meanwhile."""
    return os.open(path, flags | os.O_NONBLOCK)
