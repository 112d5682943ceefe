"""Serve the proxy until SIGTERM; SIGHUP, or a change of the file, reloads the configuration.

Without a configuration the providers are served whose keys are in the environment, and the embedded model if it is
installed. At level C one JSON line a request, without content, goes to stdout; everything else goes to stderr.

examples:
  lethe serve
  lethe serve --config lethe.toml --host 0.0.0.0 --port 8080 --workers 2
  ANTHROPIC_API_KEY=... lethe serve

environment:
  LETHE_CONFIG, LETHE_HOST, LETHE_PORT (or PORT), LETHE_WORKERS, LETHE_DRAIN stand in for options not given
"""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from lethe.cli.configured import add_config_option, chosen_path, load, source_of
from lethe.cli.output import CommandFailed, UsageFault
from lethe.config.problems import ConfigError, Problem
from lethe.config.settings import Settings
from lethe.config.values import is_loopback

HOST, PORT = "127.0.0.1", 3456


class Knob(Struct, frozen=True, kw_only=True):
    """A number from an option, else from the first variable that is set, else the default."""

    option: str
    variables: tuple[str, ...]
    default: float
    least: float
    most: float
    whole: bool = True

    def value(self, given: str | None, environ: Mapping[str, str]) -> float:
        """Raises UsageFault."""
        origin = self.option
        if given is None:
            origin = next((name for name in self.variables if environ.get(name)), origin)
            given = environ.get(origin, str(self.default))
        try:
            value = float(given)
        except ValueError:
            value = self.most + 1
        if not self.least <= value <= self.most or (self.whole and not value.is_integer()):
            raise UsageFault(f"{origin} must be a number from {self.least:g} to {self.most:g}")
        return value


PORT_KNOB = Knob(option="--port", variables=("LETHE_PORT", "PORT"), default=PORT, least=0, most=65535)
WORKERS_KNOB = Knob(option="--workers", variables=("LETHE_WORKERS",), default=1, least=1, most=256)
DRAIN_KNOB = Knob(option="--drain", variables=("LETHE_DRAIN",), default=10, least=0, most=3600, whole=False)


def options(parser: ArgumentParser) -> None:
    add_config_option(parser)
    parser.add_argument("--host", help=f"address to listen on (default {HOST})")
    parser.add_argument("--port", help=f"port to listen on, 0 for any free one (default {PORT})")
    parser.add_argument("--workers", metavar="N", help=f"worker processes (default {WORKERS_KNOB.default:g})")
    parser.add_argument(
        "--drain",
        metavar="SECONDS",
        help=f"what is in flight at SIGTERM may take so long (default {DRAIN_KNOB.default:g})",
    )


def execute(arguments: Namespace) -> int:
    host = arguments.host or os.environ.get("LETHE_HOST") or HOST
    port = int(PORT_KNOB.value(arguments.port, os.environ))
    workers = int(WORKERS_KNOB.value(arguments.workers, os.environ))
    drain = DRAIN_KNOB.value(arguments.drain, os.environ)
    path = chosen_path(arguments)
    from lethe.sandbox import environment, supervisor  # after the options are known to be good

    if loaded := environment.preloaded(os.environ):
        raise CommandFailed(f"{' and '.join(loaded)} put foreign code into this process: start it without")

    return supervisor.run(lambda: servable(path, host), host=host, port=port, workers=workers, drain=drain, watch=path)


def servable(path: Path | None, host: str) -> Settings:
    """Settings that may be served at this address. Raises ConfigError."""
    settings = load(path)
    return settings if is_loopback(host) else servable_settings(settings, source_of(path))


def servable_settings(settings: Settings, source: str) -> Settings:
    """Settings that may be served to others than this machine. Raises ConfigError."""
    if not settings.plan.keys:
        raise ConfigError(
            source,
            [
                Problem(
                    path="keys",
                    problem="there are none, so only this machine may call, and --host is another address",
                    suggestion="make one with: lethe keys new, or leave out --host",
                )
            ],
        )
    return settings
