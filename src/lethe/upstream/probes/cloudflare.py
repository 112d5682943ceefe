"""Cloudflare AI Gateway: nothing of the gateway may keep or pass on content, since headers alone fail open."""

from collections.abc import Mapping
from typing import Any

from lethe.providers.gateway import SETTINGS, Setting, keeps_nothing, undecided
from lethe.providers.probe import ProbeTask
from lethe.upstream.probes.verdict import PROVEN, Ask, Question, Reason, Unproven, Verdict, bearer, document, field, of

# Of the gateway's settings those that say who may use it, or what would encrypt a push that is off.
ASIDE = frozenset({"authentication", "logpush_public_key"})


async def gateway(task: ProbeTask, key: str | None, ask: Ask) -> Verdict:
    """`cloudflare.gateway` of `target`, an account and a gateway. Raises Unproven."""
    account, _, name = task.target.partition("/")
    path = f"/accounts/{account}/ai-gateway/gateways/{name}"
    body = document(await ask(Question(base=task.base_url or "", path=path, headers=bearer(key))))
    if not field(body, "success", bool):
        raise Unproven(Reason.UNEXPECTED)
    settings = field(body, "result", dict)
    if field(settings, "id", str) != name:
        raise Unproven(Reason.ELSEWHERE)
    for setting in SETTINGS:
        if setting.name not in ASIDE and not keeps_nothing(setting, settings):
            raise Unproven(_why(setting, settings))
    own_keys = settings.get("byok_only")  # zero data retention is never that of a customer's own provider keys
    if own_keys is not None and of(own_keys, bool):
        raise Unproven(Reason.RETAINS)
    if undecided(settings):
        raise Unproven(Reason.UNEXPECTED)
    return PROVEN


def _why(setting: Setting, settings: Mapping[str, Any]) -> Reason:
    if setting.name not in settings:
        return Reason.MISSING
    alike = setting.value is None or type(settings[setting.name]) is type(setting.value)
    return Reason.RETAINS if alike else Reason.UNEXPECTED
