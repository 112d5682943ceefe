"""The operator's settings for an instance that is thrown away: the same rules, with nothing real behind them."""

import hashlib
from collections.abc import Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from lethe.config.settings import Settings
from lethe.providers.sigv4 import Keys
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.standing import Finding
from lethe.verify.canary import CREDENTIAL, Mint

VARIABLE = "LETHE_VERIFY_CREDENTIAL_"
CASE = "configured"


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


def throwaway(settings: Settings, bases: Sequence[str], secrets: Mint, now: float) -> Throwaway:
    """Every upstream at its scripted address, every secret a canary of `secrets`; levels, classes, routes as they are.

    `bases` has an address for each upstream of the plan, in order. `now` is Unix time.
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
        upstreams.append(replace(upstream, base_url=base, proxy=None, ca_file=None, **references))
    keys = {key.name: secrets.new("caller's key", CASE).text for key in settings.plan.keys}
    plan = replace(
        settings.plan,
        upstreams=tuple(upstreams),
        keys=tuple(replace(key, digest=hashlib.sha256(keys[key.name].encode()).digest()) for key in settings.plan.keys),
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


def _secret(auth: Auth, upstream: str, secrets: Mint) -> str:
    """As it is presented: to AWS, keys that requests are signed with."""
    text = secrets.new(CREDENTIAL, upstream).text
    if auth is not Auth.AWS:
        return text
    token = secrets.new(CREDENTIAL, upstream).text
    return msgspec.json.encode(Keys(key_id="ASIA", secret=text, token=token)).decode()
