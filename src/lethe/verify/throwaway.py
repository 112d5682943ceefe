"""The operator's settings for an instance that is thrown away: the same rules, with nothing real behind them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from lethe.config.plan import ClientKey
from lethe.config.settings import Settings
from lethe.policies.limits import Limits
from lethe.providers.sigv4 import Keys
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.standing import Finding
from lethe.verify.canary import CREDENTIAL, Mint

VARIABLE = "LETHE_VERIFY_CREDENTIAL_"
CASE = "configured"
_PLENTY = 1_000_000


class Throwaway(Struct, frozen=True, kw_only=True):
    """`keys` are callers' keys by name; `environ` holds the credentials that the settings refer to.

    `findings` are what the operator's probes would have found if everything holds.
    """

    settings: Settings
    keys: dict[str, str]
    environ: dict[str, str]
    findings: tuple[Finding, ...]

    def __repr__(self) -> str:
        return "<Throwaway>"


def throwaway(
    settings: Settings, bases: Sequence[str], secrets: Mint, now: float, authority: Path | None = None
) -> Throwaway:
    """Every upstream at its scripted address, every secret a canary of `secrets`; levels, classes, routes as they are.

    `bases` has an address for each upstream of the plan, in order; `authority` vouches for those with https. `now` is
    Unix time. Limits stay, too large to be reached, and nobody else counts them.
    """
    environ: dict[str, str] = {}
    upstreams: list[Upstream] = []
    for n, (upstream, base) in enumerate(zip(settings.plan.upstreams, bases, strict=True)):
        references: dict[str, str | None] = {"credential": None, "gateway": None}
        for part in references:
            if getattr(upstream, part) is not None:
                name = f"{VARIABLE}{n}_{part.upper()}"
                environ[name] = _secret(upstream.auth if part == "credential" else Auth.BEARER, upstream.name, secrets)
                references[part] = f"env:{name}"
        ca_file = str(authority) if authority is not None and base.startswith("https:") else None
        upstreams.append(replace(upstream, base_url=base, proxy=None, ca_file=ca_file, **references))
    keys = {key.name: secrets.new("caller's key", CASE).text for key in settings.plan.keys}
    plan = replace(
        settings.plan,
        upstreams=tuple(upstreams),
        keys=tuple(_key(key, keys[key.name]) for key in settings.plan.keys),
        limits=_out_of_reach(settings.plan.limits),
        limit_store=None,
        tls_cert=None,
        tls_key=None,
    )
    findings = tuple(
        Finding(
            upstream=task.upstream,
            probe=task.probe,
            holds=True,
            reason="assumed for this verification",
            at=now,
            until=now + task.max_age,
            models=task.models,
        )
        for task in settings.probes
    )
    bare = Settings(plan=plan, class_reasons=settings.class_reasons)
    return Throwaway(settings=bare, keys=keys, environ=environ, findings=findings)


def _key(key: ClientKey, text: str) -> ClientKey:
    limits = None if key.limits is None else _out_of_reach(key.limits)
    return replace(key, digest=hashlib.sha256(text.encode()).digest(), limits=limits)


def _out_of_reach(limits: Limits) -> Limits:
    """Those that are set, so that they are counted."""
    return replace(limits, **{name: _PLENTY for name in limits.__struct_fields__ if getattr(limits, name) is not None})


def _secret(auth: Auth, upstream: str, secrets: Mint) -> str:
    """As it is presented: to AWS, keys that requests are signed with."""
    text = secrets.new(CREDENTIAL, upstream).text
    if auth is not Auth.AWS:
        return text
    token = secrets.new(CREDENTIAL, upstream).text
    return msgspec.json.encode(Keys(key_id="ASIA", secret=text, token=token)).decode()
