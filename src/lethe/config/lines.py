"""Where a key stands in the file. tomllib does not tell, and a problem with a line number is found sooner.

A plain reading of headers and `key =` lines; what it does not understand (multi-line text, inline tables) has no line
of its own and is found by the table around it.
"""

import re

from lethe.config.problems import ConfigPath

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?\Z")
_KEY = re.compile(r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_PART = re.compile(r"[\w-]+|\"[^\"]*\"|'[^']*'")


def line_numbers(text: str) -> dict[ConfigPath, int]:
    """Path -> line, counted from 1; the first mention counts."""
    lines: dict[ConfigPath, int] = {}
    tables: dict[ConfigPath, int] = {}  # arrays of tables, by how many there are so far
    table: ConfigPath = ()
    for number, line in enumerate(text.split("\n"), 1):
        if header := _HEADER.match(line):
            table = _located(_parts(header[2]), tables, opens=header[1] == "[[")
            lines.setdefault(table, number)
            if header[1] == "[[":
                lines.setdefault(table[:-1], number)  # of the list as a whole
        elif key := _KEY.match(line):
            lines.setdefault((*table, *_parts(key[1])), number)
    return lines


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(text))


def _located(names: tuple[str, ...], tables: dict[ConfigPath, int], *, opens: bool) -> ConfigPath:
    path: ConfigPath = ()
    for n, name in enumerate(names):
        path = (*path, name)
        if opens and n == len(names) - 1:
            tables[path] = tables.get(path, 0) + 1
        if path in tables:
            path = (*path, tables[path] - 1)
    return path
