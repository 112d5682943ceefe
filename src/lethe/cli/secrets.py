"""`lethe check --secrets`: get every secret and identity once, and say how long it lasts; never what it is."""

import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lethe.cli.output import complain, table
from lethe.cli.trust import signing_state
from lethe.config.settings import Settings
from lethe.credentials.issued import Issued, fetch, is_issued
from lethe.credentials.static import Unresolved, resolve

NONE = "no secret is configured"


def ask(settings: Settings, environ: Mapping[str, str] = os.environ) -> list[dict[str, Any]]:
    """What came of each; they are asked for side by side, as the broker does it, and told on stderr as they come."""
    from lethe.sandbox.fetching import hush

    uses: dict[str, list[str]] = {}
    for reference, use in _uses(settings):
        uses.setdefault(reference, []).append(use)
    if any(is_issued(reference) for reference in uses):
        hush()

    def one(reference: str) -> dict[str, Any]:
        began = time.monotonic()
        reason, expires = "", None
        try:
            expires = (fetch(reference) if is_issued(reference) else Issued(resolve(reference, environ))).expires
        except Unresolved as error:
            reason = error.reason
        if is_issued(reference):
            complain(f"lethe: asked for {reference} in {time.monotonic() - began:.1f} s")
        lasts = None if expires is None else round(expires - time.time())
        return {"secret": reference, "for": uses[reference], "had": not reason, "reason": reason, "lasts": lasts}

    with ThreadPoolExecutor(max_workers=8) as pool:
        return [*pool.map(one, uses), *_signing(settings, environ)]


def readable(answers: list[dict[str, Any]]) -> str:
    """The same for people."""
    rows = [
        (
            each["secret"],
            ", ".join(each["for"]),
            "yes" if each["had"] else f"no: {each['reason']}",
            "-" if each["lasts"] is None else f"{each['lasts'] / 60:.0f} min",
        )
        for each in answers
    ]
    return table(("secret", "for", "had", "lasts"), rows) if rows else NONE


def _signing(settings: Settings, environ: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Of the posture's key whether it is one."""
    state = signing_state(settings.posture_key, environ)
    if settings.posture_key is not None:
        reason = state.removeprefix("no: ") if state != "yes" else ""
        purpose = ["the posture's signature"]
        yield {"secret": settings.posture_key, "for": purpose, "had": not reason, "reason": reason, "lasts": None}


def _uses(settings: Settings) -> Iterator[tuple[str, str]]:
    """References, and what each is for."""
    for upstream in settings.plan.upstreams:
        for reference in upstream.secrets:
            yield reference, f"upstream {upstream.name}"
    for index, reference in settings.key_secrets.items():
        yield reference, f"key {settings.plan.keys[index].name}"
    store = settings.plan.limit_store
    if store is not None and store.password is not None:
        yield store.password, "the store of limits"
    for task in settings.probes:
        if task.key is not None:
            yield task.key, f"proof of {task.upstream}"
