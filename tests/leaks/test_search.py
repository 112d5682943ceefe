"""The search finds what it should: otherwise the other tests here prove nothing."""

import base64
import hashlib
import json
from urllib.parse import quote

import pytest
from tests.leaks.house import MARK
from tests.leaks.search import canaries, digests, hashed

CANARY = f"{MARK}L1X7X0123456789abcdef"
PERCENT = "".join(f"%{byte:02X}" for byte in CANARY.encode())
ESCAPED = "".join(f"\\u{byte:04x}" for byte in CANARY.encode())
FORMS = {
    "raw": CANARY.encode(),
    "json": json.dumps({CANARY: 1}).encode(),
    "escaped": ESCAPED.encode(),
    "url": quote(f"a b {CANARY}").encode(),
    "percent": PERCENT.encode(),
    "hex": b"x " + CANARY.encode().hex().encode(),
    "HEX": CANARY.encode().hex().upper().encode(),
    "utf-16": CANARY.encode("utf-16-le"),
    "utf-32": CANARY.encode("utf-32-be"),
    **{f"base64+{n}": base64.b64encode(b"." * n + CANARY.encode()) for n in range(4)},
    **{f"base64url+{n}": b"k=" + base64.urlsafe_b64encode(b"." * n + CANARY.encode() + b"\xff") for n in range(4)},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_forms(form: bytes) -> None:
    assert canaries(b"before, " + form + b" ; after") == {CANARY}


def test_nothing_else() -> None:
    assert canaries(MARK.encode() + b" and nothing more") == set()


@pytest.mark.parametrize("kind", ["sha256", "sha1", "md5"])
@pytest.mark.parametrize("of", [CANARY, f"hello {CANARY}", json.dumps({"a": [{"b": f"hello {CANARY}"}]})])
def test_hashes(kind: str, of: str) -> None:
    known = dict.fromkeys(hashed(CANARY, [json.dumps({"a": [{"b": f"hello {CANARY}"}]}).encode()]), CANARY)
    digest = hashlib.new(kind, of.encode())
    assert digests(b"redacted 27 " + digest.hexdigest()[:16].encode(), known) == {CANARY}
    assert digests(b"id=0" + digest.hexdigest().upper().encode(), known) == {CANARY}
    assert digests(digest.digest(), known) == {CANARY}
    assert not digests(b"redacted 0123456789abcdef0123456789abcdef", known)
