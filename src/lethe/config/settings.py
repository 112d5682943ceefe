"""All that the supervisor needs to start one generation of workers."""

from msgspec import Struct

from lethe.config.plan import Plan
from lethe.providers.probe import ProbeTask


class Settings(Struct, frozen=True, kw_only=True):
    """`secrets` are references that the broker resolves: upstream credentials and callers' keys.

    A key given as a reference has an empty digest in the plan until the broker resolves it;
    `key_secrets` maps its index in `plan.keys` to the reference. `embedded` is the index of the
    upstream that the embedded model serves, if one does: its base URL and credential are set when it runs.
    `probes` are what the broker asks the providers; `posture_key` refers to the key that signs the posture;
    `verification` is the file of the last `lethe verify`, of which the posture tells.
    `class_reasons` says of each upstream why it has its class; `notes` are lines for people.
    """

    plan: Plan
    secrets: tuple[str, ...] = ()
    key_secrets: dict[int, str] = {}
    embedded: int | None = None
    probes: tuple[ProbeTask, ...] = ()
    posture_key: str | None = None
    verification: str | None = None
    class_reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
