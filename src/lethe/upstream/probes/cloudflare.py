"""Cloudflare AI Gateway: nothing of the gateway may keep or pass on content, since headers alone fail open.

Type `AIGatewayGetResponse` of cloudflare 5.9.0.
"""

from typing import Any

from lethe.providers.probe import ProbeTask
from lethe.upstream.probes.verdict import PROVEN, Ask, Question, Reason, Unproven, Verdict, bearer, document, field, of

# Settings that must be there, with the only value that keeps nothing.
NEEDED: dict[str, bool | int] = {"collect_logs": False, "logpush": False, "cache_ttl": 0, "zdr": True}
# Settings that may be left out, as the API does; if they are there, they must be off. Zero data retention is never
# that of a customer's own provider keys.
OFF = ("is_default", "byok_only", "log_classification")


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
    for setting, value in NEEDED.items():
        if field(settings, setting, type(value)) != value:
            raise Unproven(Reason.RETAINS)
    _nothing_else(settings)
    return PROVEN


def _nothing_else(settings: dict[str, Any]) -> None:
    for setting in OFF:
        if settings.get(setting) is not None and of(settings[setting], bool):
            raise Unproven(Reason.RETAINS)
    exporters = settings.get("otel")
    if exporters is not None and of(exporters, list):
        raise Unproven(Reason.RETAINS)
