"""What a worker is configured with: the plan with what only the running system knows."""

from collections.abc import Iterable

import msgspec

from lethe.config.plan import Plan
from lethe.config.settings import Settings
from lethe.sandbox.engine import REFERENCE
from lethe.sandbox.generation import Generation


def references(settings: Settings) -> set[str]:
    """References to what workers present: the upstreams' credentials, the password of the store of limits."""
    store = settings.plan.limit_store
    password = {store.password} if store is not None and store.password is not None else set()
    return {reference for upstream in settings.plan.upstreams for reference in upstream.secrets} | password


def wanted(generations: Iterable[Generation]) -> tuple[set[str], set[str]]:
    """References to secrets and to callers' keys, of all of these: the files of those that still serve may change."""
    secrets: set[str] = set()
    keys: set[str] = set()
    for each in generations:
        secrets |= references(each.settings)
        keys |= set(each.settings.key_secrets.values())
    return secrets, keys


def with_keys(settings: Settings, digests: dict[str, bytes]) -> Plan:
    """The plan with the digests of the keys that are given by reference."""
    keys = list(settings.plan.keys)
    for index, reference in settings.key_secrets.items():
        keys[index] = msgspec.structs.replace(keys[index], digest=digests[reference])
    return msgspec.structs.replace(settings.plan, keys=tuple(keys))


def with_engine(plan: Plan, index: int, base_url: str) -> Plan:
    """The plan with the address and the key of the embedded model."""
    upstreams = list(plan.upstreams)
    upstreams[index] = msgspec.structs.replace(upstreams[index], base_url=base_url, credential=REFERENCE)
    return msgspec.structs.replace(plan, upstreams=tuple(upstreams))
