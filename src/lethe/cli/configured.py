"""The settings that a command works on, from where `lethe serve` would take them."""

import os
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path

from lethe.config.load import config_path, load_settings
from lethe.config.settings import Settings
from lethe.upstream.embedded import missing

ENVIRONMENT = "environment"


def add_config_option(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="the configuration (default: LETHE_CONFIG, else ./lethe.toml, else what the environment holds)",
    )


def chosen_path(arguments: Namespace) -> Path | None:
    """The file that `--config` and the environment lead to; None without one."""
    return config_path(arguments.config, os.environ)


def load(path: Path | None) -> Settings:
    """Raises ConfigError."""
    today = datetime.now(UTC).date()
    return load_settings(path, os.environ, embedded_available=not missing(), today=today)


def source_of(path: Path | None) -> str:
    return ENVIRONMENT if path is None else str(path)
