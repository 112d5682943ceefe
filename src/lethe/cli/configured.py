"""The settings that a command works on, from where `lethe serve` would take them."""

import os
from argparse import ArgumentParser, Namespace
from datetime import UTC, date, datetime
from pathlib import Path

from lethe.config.load import config_path, load_settings, parse_settings, text_of
from lethe.config.settings import Settings
from lethe.upstream.embedded import missing

ENVIRONMENT = "environment"
TEXT = "LETHE_TOML"  # the text of a configuration, for platforms on which a container has no file of its own


def add_config_option(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="the configuration (default: LETHE_CONFIG, ./lethe.toml, the text in LETHE_TOML, else the environment)",
    )


def chosen_path(arguments: Namespace) -> Path | None:
    """The file that `--config` and the environment lead to; None without one."""
    return config_path(arguments.config, os.environ)


def load(path: Path | None) -> Settings:
    """Raises ConfigError."""
    return configured(path) or load_settings(None, os.environ, embedded_available=not missing(), today=_today())


def configured(path: Path | None) -> Settings | None:
    """What the file or LETHE_TOML says; None without both. Raises ConfigError."""
    text = text_at(path)
    if text is None:
        return None
    return parse_settings(text, source_of(path), embedded_available=not missing(), today=_today())


def text_at(path: Path | None) -> str | None:
    """The text of the configuration, from the file or from LETHE_TOML; None without both. Raises ConfigError."""
    return text_of(path) if path is not None else os.environ.get(TEXT) or None


def source_of(path: Path | None) -> str:
    if path is not None:
        return str(path)
    return TEXT if os.environ.get(TEXT) else ENVIRONMENT


def _today() -> date:
    return datetime.now(UTC).date()
