"""What Cloudflare's AI Gateway has to be set to so that it keeps nothing, and how far a gateway is from that. Pure.

Fields of `AIGatewayCreateParams` and `AIGatewayGetResponse`, cloudflare 5.9.0 (read 2026-11-29), and what they do:
developers.cloudflare.com/ai-gateway.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

Json = dict[str, Any]

DEFAULT = "default"  # Cloudflare makes it by itself, with logs on, and makes it again when it is deleted
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
ACCOUNT = re.compile(r"[0-9a-f]{32}")


class Setting(Struct, frozen=True, kw_only=True):
    """`value` is what it has to be, `keeps` what is kept or let in with another.

    `implied`: left out or null is off, and it is sent only where it is on.
    """

    name: str
    value: Any
    keeps: str
    implied: bool = False


SETTINGS: tuple[Setting, ...] = (
    Setting(name="collect_logs", value=False, keeps="prompts and answers of every request, in the gateway's log"),
    Setting(name="logpush", value=False, keeps="the log, pushed to a store elsewhere"),
    Setting(name="log_classification", value=False, keeps="stored prompts are read by a classifier", implied=True),
    Setting(name="otel", value=[], keeps="prompts and answers, exported with traces", implied=True),
    Setting(name="cache_ttl", value=0, keeps="answers, in the gateway's cache"),
    Setting(name="authentication", value=True, keeps="whoever knows the address may use the gateway"),
    Setting(name="zdr", value=True, keeps="what OpenAI and Anthropic keep of requests that Cloudflare bills"),
    Setting(name="logpush_public_key", value=None, keeps="it belongs to logpush", implied=True),
    Setting(name="guardrails", value=None, keeps="prompts go to one more model, whose calls are logged", implied=True),
    Setting(name="dlp", value={"enabled": False, "policies": []}, keeps="findings, in the log", implied=True),
    Setting(name="stripe", value=None, keeps="events of use, sent to Stripe", implied=True),
    Setting(name="is_default", value=False, keeps="the default gateway is made anew, with logs on", implied=True),
)  # fmt: skip
_FIXED = frozenset({"is_default"})  # Cloudflare says it, nobody sets it
# Sent by a new gateway too, although they are off when left out: the file then says all of it.
_SAID = frozenset({"log_classification", "otel"})
# They say nothing of content: ours when a gateway is made, left as they are on one that is there.
_FREE: dict[str, Any] = {"cache_invalidate_on_update": True, "rate_limiting_interval": 0, "rate_limiting_limit": 0}
_KEPT = frozenset(
    {
        *_FREE, "byok_only", "log_management", "log_management_strategy", "rate_limiting_technique", "retry_backoff",
        "retry_delay", "retry_max_attempts", "spend_limits", "store_id", "workers_ai_billing_mode",
    }
)  # fmt: skip
_ABOUT = frozenset({"id", "account_id", "account_tag", "internal_id", "created_at", "modified_at"})
_KNOWN = _KEPT | _ABOUT | {setting.name for setting in SETTINGS}
_SINK = re.compile(r"log|cache|otel|trace|push|stor|record|export|retain|retention|dataset|insight|webhook|telemetry")


class Drift(Struct, frozen=True, kw_only=True):
    """`wanted` and `found` are for people; of what is no switch or number, only that it is there is told."""

    setting: str
    wanted: str
    found: str
    keeps: str


def desired(name: str) -> Json:
    """The body that makes a gateway, without the account."""
    said = {setting.name: setting.value for setting in SETTINGS if not setting.implied or setting.name in _SAID}
    return {"id": name, **_FREE, **said}


def corrected(present: Mapping[str, Any]) -> Json:
    """The body that sets a gateway right: what holds content off, the rest as it is."""
    kept = {name: present[name] for name in sorted(_KEPT) if present.get(name) is not None}
    wrong = {each.setting for each in drifts(present)} - _FIXED
    said = {s.name: s.value for s in SETTINGS if s.name in wrong or not s.implied or s.name in _SAID}
    return {**_FREE, **kept, **said}


def drifts(present: Mapping[str, Any]) -> tuple[Drift, ...]:
    """What keeps content, or cannot be known not to: a setting that is missing is one of them."""
    return tuple(_drifts(present))


def _drifts(present: Mapping[str, Any]) -> Iterator[Drift]:
    for setting in SETTINGS:
        value = present.get(setting.name)
        if setting.implied and _off(value):
            continue
        if type(value) is not type(setting.value) or value != setting.value:
            found = _told(value) if setting.name in present else "missing"
            yield Drift(setting=setting.name, wanted=_told(setting.value), found=found, keeps=setting.keeps)


def undecided(present: Mapping[str, Any]) -> tuple[str, ...]:
    """Settings that nobody here knows and that are on, or have the name of something that keeps."""
    unknown = present.keys() - _KNOWN
    return tuple(sorted(name for name in unknown if _SINK.search(name.lower()) or not _off(present[name])))


def _off(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get("enabled") is False or all(_off(each) for each in value.values())
    return not value


def _told(value: Any) -> str:
    """Headers and tokens may stand in the others."""
    match value:
        case None:
            return "none"
        case bool():
            return "on" if value else "off"
        case int():
            return str(value)
        case _:
            return "off" if _off(value) else "set"
