"""The settings that a command works on, from where `lethe serve` would take them."""

import os
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
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
    today, text = datetime.now(UTC).date(), os.environ.get(TEXT)
    if path is None and text:
        return parse_settings(text, TEXT, embedded_available=not missing(), today=today)
    return load_settings(path, os.environ, embedded_available=not missing(), today=today)


def text_at(path: Path | None) -> str | None:
    """The text of the configuration, from the file or from LETHE_TOML; None without both. Raises ConfigError."""
    return text_of(path) if path is not None else os.environ.get(TEXT) or None


def source_of(path: Path | None) -> str:
    if path is not None:
        return str(path)
    return TEXT if os.environ.get(TEXT) else ENVIRONMENT
