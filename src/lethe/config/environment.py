"""Settings without a file: what can be served with the keys that are there."""

from collections.abc import Mapping
from datetime import date

from lethe.config.check import refusal
from lethe.config.plan import Plan
from lethe.config.problems import ConfigError, Problem
from lethe.config.settings import Settings
from lethe.config.upstreams import preset_upstream
from lethe.providers.rows import EMBEDDED, EMBEDDED_INSTALL, PROVIDERS
from lethe.retention.levels import Level, admits

SOURCE = "environment"


def from_environment(environ: Mapping[str, str], *, embedded_available: bool, today: date) -> Settings:
    """Presets whose key is set, in their order, and the embedded model last. Raises ConfigError if there is none."""
    rows = [row for row in PROVIDERS if row.key_env and environ.get(row.key_env) and row.whole]
    notes = [f"found {row.key_env}: {row.name}" for row in rows]
    if embedded_available:
        rows += [row for row in PROVIDERS if row.name == EMBEDDED]
        notes.append(f"found the embedded model: {EMBEDDED}")
    if not rows:
        keys = ", ".join(row.key_env for row in PROVIDERS[:2] if row.key_env)
        raise ConfigError(
            SOURCE,
            [
                Problem(
                    path="",
                    problem="there is neither a configuration, nor a provider's key, nor an embedded model",
                    suggestion=f"set {keys} or another key; or {EMBEDDED_INSTALL}; or write lethe.toml",
                )
            ],
        )
    made = [preset_upstream(row, today) for row in rows]
    upstreams = tuple(upstream for upstream, _ in made)
    level = Level.C
    notes += [
        f"{upstream.name}: {refusal(upstream.upstream_class, level)}"
        for upstream in upstreams
        if not admits(level, upstream.upstream_class)
    ]
    return Settings(
        plan=Plan(level=level, upstreams=upstreams),
        secrets=tuple(reference for upstream in upstreams for reference in upstream.secrets),
        embedded=len(upstreams) - 1 if embedded_available else None,
        class_reasons=tuple(why for _, why in made),
        notes=tuple(notes),
    )
