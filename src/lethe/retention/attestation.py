"""What an upstream says about retention on every response."""

from collections.abc import Iterable

from lethe.retention.surface import EvidenceKind, Surface

# Probe of the register -> response header and value. docs.x.ai/developers/faq/security, read 2026-08-20.
HEADERS: dict[str, tuple[bytes, bytes]] = {"xai.response_header": (b"x-zero-data-retention", b"true")}


def probes(surface: Surface) -> frozenset[str]:
    """The probes whose word must be repeated on every response."""
    return frozenset(row.probe for row in surface.evidence if row.kind is EvidenceKind.RESPONSE)


def attests(surface: Surface, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Does this response say all that is expected, and nothing else? `headers` have names in lower case."""
    given = list(headers)
    expected = [HEADERS.get(probe) for probe in probes(surface)]
    return bool(expected) and all(
        wanted is not None and [value.strip().lower() for name, value in given if name == wanted[0]] == [wanted[1]]
        for wanted in expected
    )
