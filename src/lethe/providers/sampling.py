"""Sampling that models refuse, whoever serves them and in whichever dialect: left out before a request is encoded."""

import re
from collections.abc import Sequence
from fnmatch import translate
from functools import cache

from msgspec import Struct
from msgspec.structs import replace

from lethe.ir.loss import Losses
from lethe.ir.request import Request


class Restraint(Struct, frozen=True, kw_only=True):
    """`models` are globs, `refused` names of the hub's sampling; `beside`: only where this one is set too."""

    because: str
    source: str
    models: tuple[str, ...]
    not_models: tuple[str, ...] = ()
    refused: tuple[str, ...]
    beside: str | None = None


# Up to these, Claude's models let callers choose.
_OLDER_CLAUDES = (
    "*claude-instant*",
    "*claude-[v123]*",
    "*claude-*-4",
    "*claude-*-4@*",
    "*claude-*-4-20*",
    "*claude-*-4[-.][0156]*",
)
RESTRAINTS: tuple[Restraint, ...] = (
    Restraint(
        because="Claude 4.7 and later refuse any sampling but the default",
        source="platform.claude.com, Migrating to API version 2026-10-21, read 2026-11-29",
        models=("*claude*",),
        not_models=_OLDER_CLAUDES,
        refused=("temperature", "top_p", "top_k"),
    ),
    Restraint(
        because="Claude 4.1 to 4.6 refuse the two together",
        source="github.com/open-webui/functions/pull/9, read 2026-11-29",
        models=("*claude-*-4[-.][156]*",),
        refused=("top_p",),
        beside="temperature",
    ),
)


def suited(request: Request, losses: Losses, restraints: Sequence[Restraint] = RESTRAINTS) -> Request:
    """The request as its model takes it."""
    for restraint in restraints:
        if _any(restraint.models, request.model) and not _any(restraint.not_models, request.model):
            request = _restrained(request, restraint, losses)
    return request


def _restrained(request: Request, restraint: Restraint, losses: Losses) -> Request:
    sampling = request.sampling
    if restraint.beside is not None and getattr(sampling, restraint.beside) is None:
        return request
    refused = [name for name in restraint.refused if getattr(sampling, name) is not None]
    for name in refused:
        losses.hint(f"$.sampling.{name}", "not taken by this model")
    return replace(request, sampling=replace(sampling, **dict.fromkeys(refused))) if refused else request


@cache
def _pattern(globs: tuple[str, ...]) -> re.Pattern[str]:
    """One pattern for all of them; the rows hold few, so few are kept."""
    return re.compile("|".join(translate(glob) for glob in globs) or r"(?!)")


def _any(globs: tuple[str, ...], name: str) -> bool:
    return _pattern(globs).match(name) is not None
