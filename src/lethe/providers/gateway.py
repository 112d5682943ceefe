"""What Cloudflare's AI Gateway has to be set to so that it keeps nothing: what is made, audited and proven.

Fields of `AIGatewayCreateParams` and `AIGatewayGetResponse`, cloudflare 5.9.0 (read 2026-11-29), and what they do:
developers.cloudflare.com/ai-gateway.
"""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct


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
# They say nothing of content.
HARMLESS = frozenset(
    {
        "byok_only", "cache_invalidate_on_update", "log_management", "log_management_strategy",
        "rate_limiting_interval", "rate_limiting_limit", "rate_limiting_technique", "retry_backoff", "retry_delay",
        "retry_max_attempts", "spend_limits", "store_id", "workers_ai_billing_mode",
    }
)  # fmt: skip
_ABOUT = frozenset({"id", "account_id", "account_tag", "internal_id", "created_at", "modified_at"})
_KNOWN = HARMLESS | _ABOUT | {setting.name for setting in SETTINGS}
_SINK = re.compile(r"log|cache|otel|trace|push|stor|record|export|retain|retention|dataset|insight|webhook|telemetry")


def keeps_nothing(setting: Setting, present: Mapping[str, Any]) -> bool:
    """One that is missing is wrong, unless that is off."""
    value = present.get(setting.name)
    return (setting.implied and off(value)) or (type(value) is type(setting.value) and value == setting.value)


def undecided(present: Mapping[str, Any]) -> tuple[str, ...]:
    """Settings that nobody here knows and that are on, or have the name of something that keeps."""
    unknown = present.keys() - _KNOWN
    return tuple(sorted(name for name in unknown if _SINK.search(name.lower()) or not off(present[name])))


def off(value: Any) -> bool:
    """Nothing, or a table in which nothing is on."""
    if isinstance(value, dict):
        return value.get("enabled") is False or all(off(each) for each in value.values())
    return not value
