"""What is wrong with a configuration: all of it at once, with paths and nearest names, and never a value.

A value may be a secret in the wrong place, so problems name keys and what is valid, not what was written.
"""

import json
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeAlias

from msgspec import Struct

ConfigPath: TypeAlias = tuple[str | int, ...]

MAX_PROBLEMS = 100
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_LONGEST_NAME = 48


class Problem(Struct, frozen=True, kw_only=True):
    """`path` as in `upstreams.anthropic.api_key`, empty for the file itself; `line` counts from 1."""

    path: str
    problem: str
    suggestion: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        what = f"{self.path}: {self.problem}" if self.path else self.problem
        return where + what + (f" ({self.suggestion})" if self.suggestion else "")


class ConfigError(Exception):
    """The configuration cannot be used. `source` is the file, or where else it came from."""

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{source}: {problem}" for problem in self.problems))


class Findings:
    """Collects problems and notes; one problem a path, the first one said."""

    def __init__(self) -> None:
        self._problems: dict[ConfigPath, tuple[str, str | None]] = {}
        self.notes: list[str] = []

    def problem(self, path: ConfigPath, problem: str, suggestion: str | None = None) -> None:
        self._problems.setdefault(path, (problem, suggestion))

    def excuse(self, path: ConfigPath) -> None:
        """What a problem elsewhere already explains is not reported again."""
        self._problems.setdefault(path, ("", None))

    def note(self, path: ConfigPath, text: str) -> None:
        self.notes.append(f"{dotted(path)}: {text}")

    def problems(self, lines: Mapping[ConfigPath, int]) -> list[Problem]:
        """In the order of the file."""
        found = [
            Problem(path=dotted(path), problem=problem, suggestion=suggestion, line=line_of(path, lines))
            for path, (problem, suggestion) in self._problems.items()
            if problem
        ]
        return sorted(found, key=lambda problem: problem.line or 0)[:MAX_PROBLEMS]


def line_of(path: ConfigPath, lines: Mapping[ConfigPath, int]) -> int | None:
    """The line of the path, or of the nearest table around it."""
    for end in range(len(path), 0, -1):
        if line := lines.get(path[:end]):
            return line
    return None


def dotted(path: ConfigPath) -> str:
    """`routes[0].to`; names that TOML would quote are quoted, long ones cut."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            shown = step if len(step) <= _LONGEST_NAME else step[:12] + "..."
            text += ("." if text else "") + (shown if _BARE.match(shown) else json.dumps(shown))
    return text


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """`did you mean anthropic?`, or None if nothing is near."""
    by_fold = {candidate.casefold(): candidate for candidate in valid}
    near = get_close_matches(name.casefold()[:64], by_fold, n=1, cutoff=0.6)
    return f"did you mean {by_fold[near[0]]}?" if near else None


def choice(name: str, valid: Iterable[str]) -> str:
    """The nearest valid name, or all of them."""
    options = list(valid)
    return nearest(name, options) or "one of " + ", ".join(options)
