"""`lethe check --proofs`: ask every configured probe once, from here, and say what each one proves."""

import os
import time
from collections.abc import Mapping
from typing import Any

from lethe.cli.output import complain, table
from lethe.config.settings import Settings
from lethe.credentials.issued import is_issued, state
from lethe.providers.probe import ProbeTask
from lethe.providers.proofs import BY_PROBE

NONE = "no proof is configured ([upstreams.NAME.proof]), so nothing is asked"


def configured(settings: Settings, environ: Mapping[str, str] = os.environ) -> list[dict[str, Any]]:
    """What would be asked, for programs; of keys only whether there is one."""
    return [
        {
            "upstream": task.upstream,
            "probe": task.probe,
            "about": BY_PROBE[task.probe].about,
            "target": task.target or None,
            "key": task.key,
            "resolves": _state(task, environ),
            "every": task.every,
        }
        for task in settings.probes
    ]


def shown(proofs: list[dict[str, Any]]) -> str:
    """The same for people."""
    rows = [(p["upstream"], p["probe"], _key(p), f"{p['every']:g} s", p["about"]) for p in proofs]
    return table(("proof of", "probe", "key", "asked every", "about"), rows)


def ask(settings: Settings, environ: Mapping[str, str] = os.environ) -> list[dict[str, Any]]:
    """What each one proves now; they are asked side by side, and told on stderr as they answer."""
    import asyncio  # `lethe check` alone need not wait for its import

    return asyncio.run(_ask(settings.probes, environ))


def readable(answers: list[dict[str, Any]]) -> str:
    rows = [
        (a["upstream"], a["probe"], "holds" if a["holds"] else "fails", a["reason"], ", ".join(a["models"]) or "-")
        for a in answers
    ]
    return table(("upstream", "probe", "now", "because", "models"), rows) if rows else NONE


async def _ask(tasks: tuple[ProbeTask, ...], environ: Mapping[str, str]) -> list[dict[str, Any]]:
    import asyncio

    from lethe.sandbox.fetching import hush
    from lethe.sandbox.prober import answer  # brings HTTP and TLS

    if any(task.key is not None and is_issued(task.key) for task in tasks):
        hush()

    async def one(task: ProbeTask) -> dict[str, Any]:
        began = time.monotonic()
        verdict = await answer(task, environ)
        complain(f"lethe: asked {task.probe} of {task.upstream}: {time.monotonic() - began:.1f} s")
        return {
            "upstream": task.upstream,
            "probe": task.probe,
            "target": task.target or None,
            "holds": verdict.holds,
            "reason": verdict.reason.value,
            "models": list(verdict.models),
        }

    return list(await asyncio.gather(*(one(task) for task in tasks)))


def _state(task: ProbeTask, environ: Mapping[str, str]) -> str:
    if task.key is None:
        return "not needed"
    return state(task.key, environ)


def _key(proof: dict[str, Any]) -> str:
    return f"{proof['key']} ({proof['resolves']})" if proof["key"] else "-"
