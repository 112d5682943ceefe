"""What is known about one upstream, and the class that follows: for an endpoint, a model, and a moment."""

from msgspec import Struct

from lethe.retention.levels import UpstreamClass
from lethe.retention.surface import EvidenceKind


class Contract(Struct, frozen=True, kw_only=True):
    """What the operator signed with the vendor. Unix seconds; it need not be told when it was signed."""

    kind: str
    signed: float | None
    expires: float


class Declared(Struct, frozen=True, kw_only=True):
    """The operator's own word for it."""

    upstream_class: UpstreamClass
    reason: str


class Finding(Struct, frozen=True, kw_only=True):
    """What a probe found out about an upstream. Unix seconds; after `until` it counts no more.

    `models` are the exact names for which it holds; empty: all. `reason` is one of a few fixed phrases.
    """

    upstream: str  # its configured name
    probe: str
    holds: bool
    reason: str
    at: float
    until: float
    models: tuple[str, ...] = ()


class Standing(Struct, frozen=True, kw_only=True):
    """The class, the evidence that it rests on, and until when (Unix seconds; None: no end)."""

    upstream_class: UpstreamClass
    kind: EvidenceKind
    why: str
    at: float | None = None
    until: float | None = None
    carve_outs: tuple[str, ...] = ()
