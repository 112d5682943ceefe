"""The one place that reads the configuration: the file, or without one the environment."""

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from lethe.config.check import resolve
from lethe.config.environment import from_environment
from lethe.config.lines import line_numbers
from lethe.config.problems import ConfigError, Findings, Problem
from lethe.config.settings import Settings
from lethe.config.shape import shaped

DEFAULT_FILE = Path("lethe.toml")
MAX_FILE = 1024 * 1024  # bytes
_POSITION = re.compile(r"\(at line (\d+), column (\d+)\)")
_TWICE = ("Cannot ", "Duplicate ")  # how tomllib's messages begin where something stands for a second time


def config_path(given: str | None, environ: Mapping[str, str]) -> Path | None:
    """The file to use: the one given, else LETHE_CONFIG, else ./lethe.toml if there is one, else none."""
    if chosen := given or environ.get("LETHE_CONFIG"):
        return Path(chosen)
    return DEFAULT_FILE if _may_be_there(DEFAULT_FILE) else None


def _may_be_there(path: Path) -> bool:
    """In a folder that is closed to us nobody knows: then reading it will fail, and say so."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError:
        pass
    return True


def load_settings(path: Path | None, environ: Mapping[str, str], *, embedded_available: bool, today: date) -> Settings:
    """Checked settings. Raises ConfigError with everything that is wrong."""
    if path is None:
        return from_environment(environ, embedded_available=embedded_available, today=today)
    return parse_settings(text_of(path), str(path), embedded_available=embedded_available, today=today)


def parse_settings(text: str, source: str, *, embedded_available: bool, today: date) -> Settings:
    """Settings from the text of a file; `source` names it in errors. Raises ConfigError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(source, [_syntax(str(error), text)]) from None
    except (ValueError, RecursionError):  # a number of thousands of digits; thousands of brackets
        raise ConfigError(source, [Problem(path="", problem="is not TOML that can be read")]) from None
    found = Findings()
    settings = resolve(shaped(data, found), today, found, embedded_available=embedded_available)
    if problems := found.problems(line_numbers(text)):
        raise ConfigError(source, problems)
    return settings


def text_of(path: Path) -> str:
    """The text of a configuration file. Raises ConfigError."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            content = file.read(MAX_FILE + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(str(path), [Problem(path="", problem=f"cannot be read: {reason}")]) from None
    if len(content) > MAX_FILE:
        raise ConfigError(str(path), [Problem(path="", problem=f"is larger than {MAX_FILE} bytes")])
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ConfigError(str(path), [Problem(path="", problem="is not UTF-8 text")]) from None


def _without_waiting(path: str, flags: int) -> int:
    """A pipe is read while somebody writes, and not waited for while nobody does."""
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    return descriptor


def _syntax(message: str, text: str) -> Problem:
    """tomllib's message may quote the file, so only its kind and the position are kept."""
    twice = "this table or key stands before already" if message.startswith(_TWICE) else ""
    position = _POSITION.search(message)
    if position is None:
        why = twice or "it ends too early"
        return Problem(path="", problem=f"is not TOML: {why}", line=text.count("\n") + 1)
    where = f"is not TOML at column {position[2]}"
    return Problem(path="", problem=f"{where}: {twice}" if twice else where, line=int(position[1]))
