"""What people and programs get to read."""

import json
import sys
import textwrap
from collections.abc import Sequence
from typing import Any


class CommandFailed(Exception):
    """One clear line; exit status 1."""


class UsageFault(Exception):
    """One clear line about the way it was called; exit status 2."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Aligned columns, two spaces apart; the last column is not padded, and goes on below itself beyond `width`."""
    if width is not None:
        room = width - sum(max(len(row[n]) for row in [head, *rows]) + 2 for n in range(len(head) - 1))
        rows = [line for row in rows for line in _broken(row, room)]
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]]
    return "\n".join(line.rstrip() for line in lines)


def _broken(row: Sequence[str], room: int) -> list[Sequence[str]]:
    first, *more = textwrap.wrap(row[-1], room, break_long_words=False, break_on_hyphens=False) or [""]
    return [[*row[:-1], first], *([*[""] * (len(row) - 1), line] for line in more)]


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
    print(text)


def complain(text: str) -> None:
    print(text, file=sys.stderr)


def emit(value: Any) -> None:
    """One JSON document, for programs."""
    print(json.dumps(value, indent=2, ensure_ascii=False))
