"""A response attests what is expected in so many words, or it does not."""

import pytest
from tests.retention.surfaces import surface

from lethe.retention.attestation import attests, probes
from lethe.retention.levels import UpstreamClass
from lethe.retention.surface import Evidence, EvidenceKind

U2 = UpstreamClass.U2


def evidence(kind: EvidenceKind, probe: str) -> Evidence:
    return Evidence(kind=kind, upstream_class=U2, probe=probe, because="it says so")


XAI = surface(evidence=(evidence(EvidenceKind.RESPONSE, "xai.response_header"),))
SAID = b"x-zero-data-retention"
CASES = [
    ([(SAID, b"true")], True),
    ([(SAID, b" True ")], True),
    ([(b"date", b"x"), (SAID, b"true")], True),
    ([], False),
    ([(SAID, b"false")], False),
    ([(SAID, b"")], False),
    ([(SAID, b"1")], False),
    ([(SAID, b"true"), (SAID, b"false")], False),
    ([(SAID, b"true"), (SAID, b"true")], False),
    ([(b"x-zero-data-retention2", b"true")], False),
]


@pytest.mark.parametrize(("headers", "expected"), CASES)
def test_attests(headers: list[tuple[bytes, bytes]], expected: bool) -> None:
    assert attests(XAI, headers) is expected


def test_what_nobody_can_check_attests_nothing() -> None:
    assert not attests(surface(), [(SAID, b"true")])
    strange = surface(evidence=(evidence(EvidenceKind.RESPONSE, "a.new_one"),))
    assert not attests(strange, [(SAID, b"true")])
    assert probes(surface(evidence=(evidence(EvidenceKind.ACCOUNT, "b"),))) == frozenset()
