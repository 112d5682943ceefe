"""How Cloudflare's AI Gateway is made and set right, and how far one is from that. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from lethe.providers.gateway import HARMLESS, SETTINGS, keeps_nothing, off

Json = dict[str, Any]

DEFAULT = "default"  # Cloudflare makes it by itself, with logs on, and makes it again when it is deleted
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
ACCOUNT = re.compile(r"[0-9a-f]{32}")
_FIXED = frozenset({"is_default"})  # Cloudflare says it, nobody sets it
# Sent by a new gateway too, although they are off when left out: the file then says all of it.
_SAID = frozenset({"log_classification", "otel"})
# Ours when a gateway is made, left as they are on one that is there.
_FREE: dict[str, Any] = {"cache_invalidate_on_update": True, "rate_limiting_interval": 0, "rate_limiting_limit": 0}


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
    kept = {name: present[name] for name in sorted(HARMLESS) if present.get(name) is not None}
    wrong = {each.setting for each in drifts(present)} - _FIXED
    said = {s.name: s.value for s in SETTINGS if s.name in wrong or not s.implied or s.name in _SAID}
    return {**_FREE, **kept, **said}


def drifts(present: Mapping[str, Any]) -> tuple[Drift, ...]:
    """What keeps content, or cannot be known not to: a setting that is missing is one of them."""
    return tuple(_drifts(present))


def _drifts(present: Mapping[str, Any]) -> Iterator[Drift]:
    for setting in SETTINGS:
        if not keeps_nothing(setting, present):
            found = _told(present[setting.name]) if setting.name in present else "missing"
            yield Drift(setting=setting.name, wanted=_told(setting.value), found=found, keeps=setting.keeps)


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
            return "off" if off(value) else "set"
