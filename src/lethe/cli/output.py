"""What people and programs get to read."""

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from itertools import accumulate
from typing import Any


class CommandFailed(Exception):
    """One clear line; exit status 1."""


class UsageFault(Exception):
    """One clear line about the way it was called; exit status 2."""


class Unwritten(Exception):
    """There is no room for what goes to stdout."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Aligned columns, two spaces apart; the last column is not padded, and goes on below itself beyond `width`."""
    if width is not None:
        room = width - sum(column + 2 for column in _widths(head, rows)[:-1])
        rows = [line for row in rows for line in _broken(row, room)]
    widths = _widths(head, rows)
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]]
    return "\n".join(line.rstrip() for line in lines)


def fitting(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> int:
    """How many of the columns, from the first, have room in `width`."""
    ends = accumulate(column + 2 for column in _widths(head, rows))
    return sum(end - 2 <= width for end in ends)


def _widths(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]


def _broken(row: Sequence[str], room: int) -> list[Sequence[str]]:
    lines = [
        line
        for text in row[-1].splitlines()
        for line in textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
    ]
    first, *more = lines or [""]
    return [[*row[:-1], first], *([*[""] * (len(row) - 1), line] for line in more)]


def columns() -> int | None:
    """Of the terminal that is written to; None where a program reads, which gets lines of any length."""
    if os.environ.get("COLUMNS", "").isdecimal() or (sys.stdout is not None and sys.stdout.isatty()):
        return shutil.get_terminal_size().columns
    return None


def of_models(models: Sequence[str], not_models: Sequence[str]) -> str:
    """Which models a row of the register speaks of."""
    named = ", ".join(models) or "*"
    return f"{named} but {', '.join(not_models)}" if not_models else named


def paragraph(text: str, width: int, indent: str = "  ") -> str:
    """Lines of at most `width`, but for words that are longer; all after the first are indented."""
    return textwrap.fill(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )


def say(text: str) -> None:
    """Raises Unwritten, BrokenPipeError."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unwritten(f"stdout: {error.strerror}") from None


def complain(text: str) -> None:
    print(text, file=sys.stderr)


def emit(value: Any) -> None:
    """One JSON document, for programs. Raises as `say`."""
    say(json.dumps(value, indent=2, ensure_ascii=False))
