"""Every form of a canary is found, wherever it lies, and nothing else is."""

import base64
import codecs
import gzip
import hashlib
import io
import os
import random
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from lethe.verify.canary import WHOLE, Canary, Mint
from lethe.verify.search import Effort, Found, Search

NOISE = random.Random(7).randbytes(50_000)


def zipped(text: str, method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("a.txt", f"so it says {text} there")
    return file.getvalue()


def deflated(data: bytes) -> bytes:
    compress = zlib.compressobj(wbits=-15)
    return compress.compress(data) + compress.flush()


FORMS: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "raw": ("raw", str.encode),
    "in JSON": ("raw", lambda t: f'{{"a": "it says {t}."}}'.encode()),
    "in a URL": ("raw", lambda t: urllib.parse.quote(f"it says {t}").encode()),
    "lower case": ("lower case", lambda t: t.lower().encode()),
    "as escapes": ("\\u escapes", lambda t: "".join(f"\\u{ord(c):04x}" for c in t).encode()),
    "as escapes in capitals": ("\\u escapes", lambda t: "".join(f"\\u{ord(c):04X}" for c in t).encode()),
    "as Python escapes": ("\\x escapes", lambda t: "".join(f"\\x{ord(c):02x}" for c in t).encode()),
    "percent": ("percent escapes", lambda t: "".join(f"%{ord(c):02x}" for c in t).encode()),
    "percent in capitals": ("percent escapes", lambda t: "".join(f"%{ord(c):02X}" for c in t).encode()),
    "hex": ("hex", lambda t: t.encode().hex().encode()),
    "hex in capitals": ("hex", lambda t: t.encode().hex().upper().encode()),
    "UTF-16 LE": ("UTF-16", lambda t: t.encode("utf-16-le")),
    "UTF-16 BE": ("UTF-16", lambda t: t.encode("utf-16-be")),
    "UCS-4 LE": ("UCS-4", lambda t: t.encode("utf-32-le")),
    "UCS-4 BE": ("UCS-4", lambda t: t.encode("utf-32-be")),
    "base64": ("base64", lambda t: base64.b64encode(t.encode())),
    "base64, second byte": ("base64", lambda t: base64.b64encode(b"x" + t.encode() + b"yz")),
    "base64, third byte": ("base64", lambda t: base64.b64encode(b"xy" + t.encode() + b"z")),
    "base64, in the midst": ("base64", lambda t: base64.b64encode(b"some words before" * 9 + t.encode() + b"after")),
    "base64, URL-safe": ("base64", lambda t: base64.urlsafe_b64encode(b"\xff\xfb\xff" + t.encode() + b"\xff\xfb")),
    "sha256": ("sha256 in hex", lambda t: hashlib.sha256(t.encode()).hexdigest().encode()),
    "sha256, short": ("sha256 in hex", lambda t: hashlib.sha256(t.encode()).hexdigest()[:16].encode()),
    "sha1 in capitals": ("sha1 in hex", lambda t: hashlib.sha1(t.encode()).hexdigest().upper().encode()),
    "md5 among digits": ("md5 in hex", lambda t: b"00ab" + hashlib.md5(t.encode()).hexdigest().encode()),
    "sha512": ("sha512 in hex", lambda t: hashlib.sha512(t.encode()).hexdigest().encode()),
    "blake2": ("blake2b in hex", lambda t: hashlib.blake2b(t.encode()).hexdigest().encode()),
    "sha256, bare": ("sha256", lambda t: b"\xff" + hashlib.sha256(t.encode()).digest()),
    "sha256 in base64": ("base64 of sha256", lambda t: base64.b64encode(hashlib.sha256(t.encode()).digest())),
    "backwards": ("backwards", lambda t: t[::-1].encode()),
    "rot13": ("rot13", lambda t: codecs.encode(t, "rot13").encode()),
    "a list of numbers": ("decimal numbers", lambda t: repr([*t.encode(), 0]).encode()),
    "hex with spaces": ("hex, apart", lambda t: t.encode().hex(" ").encode() + b" "),
    "hex with colons": ("hex, apart", lambda t: t.encode().hex(":").encode() + b":"),
    "base64 of gzip": ("base64 of gzip of raw", lambda t: base64.b64encode(gzip.compress(t.encode()))),
    "hex of zlib": ("hex of zlib of raw", lambda t: zlib.compress(t.encode()).hex().encode()),
    "base64 of deflate": ("base64 of deflate of raw", lambda t: base64.b64encode(deflated(t.encode()))),
    "base64 twice": ("base64 of base64", lambda t: base64.b64encode(base64.b64encode(t.encode()))),
    "base64 of UTF-16": ("base64 of UTF-16", lambda t: base64.b64encode(t.encode("utf-16-le"))),
    "base32": ("base32 of raw", lambda t: base64.b32encode(t.encode())),
    "gzip": ("gzip of raw", lambda t: gzip.compress(f"it says {t} there".encode())),
    "zlib": ("zlib of raw", lambda t: zlib.compress(f"it says {t} there".encode())),
    "gzip of base64": ("gzip of base64", lambda t: gzip.compress(base64.b64encode(t.encode()))),
    "gzip, cut": ("gzip of raw", lambda t: gzip.compress((t + " ".join(map(str, range(20_000)))).encode())[:9_000]),
    "zip": ("zip of raw", lambda t: zipped(t, zipfile.ZIP_DEFLATED)),
    "zip, stored": ("raw", lambda t: zipped(t, zipfile.ZIP_STORED)),
}


@pytest.mark.parametrize("surrounded", [False, True])
@pytest.mark.parametrize(("form", "spell"), FORMS.values(), ids=FORMS)
def test_every_form_is_found_and_named(
    mint: Mint, canary: Canary, form: str, spell: Callable[[str], bytes], surrounded: bool
) -> None:
    spelt = spell(canary.text)
    found = Search(mint)(NOISE + b"\n" + spelt + b"\n" + NOISE if surrounded else spelt)
    assert [(each.form, each.canary) for each in found] == [(form, canary)]


@pytest.mark.parametrize("form", ["raw", "hex", "UTF-16", "base64"])
def test_a_short_one_is_found_and_named(mint: Mint, form: str) -> None:
    canary = mint.short("json-key", "c")
    spelt = next(spell for name, spell in FORMS.values() if name == form)(canary.text)
    assert [(each.form, each.canary) for each in Search(mint)(spelt)] == [(form, canary)]


@pytest.mark.parametrize("piece", [slice(0, 18), slice(20, None), slice(3, 20), slice(2, 30)])
def test_a_piece_tells_whose_it_is(mint: Mint, canary: Canary, piece: slice) -> None:
    mint.new("system", "another")
    found = Search(mint)(b"<" + canary.text[piece].encode() + b">")
    assert [each.canary for each in found] == [canary]


def test_a_piece_that_tells_nothing_is_found_all_the_same(mint: Mint) -> None:
    assert [each.canary for each in Search(mint)(b"..." + mint.tag.encode() + b"...")] == [None]


def test_neighbours_are_told_apart(mint: Mint) -> None:
    canaries = [mint.new("p", str(n)) for n in range(5)]
    found = Search(mint)("".join(each.text for each in canaries).encode())
    assert [each.canary for each in found] == canaries


def test_canaries_made_later_are_known(mint: Mint) -> None:
    search = Search(mint)
    assert search(NOISE) == []
    later = mint.new("p", "c")
    assert [each.canary for each in search(hashlib.md5(later.text.encode()).hexdigest().encode())] == [later]


def test_what_is_made_of_a_whole_body_is_found(mint: Mint) -> None:
    body = b'{"text": "' + mint.new("p", "c").text.encode() + b'"}'
    mint.whole(body, "case")
    [found] = Search(mint)(b"key=" + hashlib.sha256(body).hexdigest().encode())
    assert (found.form, found.canary) == ("sha256 in hex", Canary("", WHOLE, "case"))


def test_a_body_that_anybody_could_have_sent_tells_nothing(mint: Mint) -> None:
    mint.whole(b"", "case")
    mint.whole(b"{}", "case")
    assert Search(mint)(hashlib.md5(b"").hexdigest().encode() + hashlib.sha256(b"{}").digest()) == []


def test_canaries_that_are_made_during_a_search_are_not_passed_over(mint: Mint) -> None:
    search = Search(mint)

    class Growing(list[Canary]):
        """Another thread makes one while this one takes those that are there."""

        def __getitem__(self, index: Any) -> Any:
            taken = super().__getitem__(index)
            self.extend(arriving)
            arriving.clear()
            return taken

    first, late = mint.new("p", "first"), Canary("ZDR" + mint.tag + "A" * 16 + mint.tag, "p", "late")
    mint.canaries = Growing([first])
    arriving = [late]
    assert search(NOISE) == []
    assert [each.canary for each in search(late.text.encode())] == [late]


def test_nothing_is_found_of_another_run(mint: Mint, canary: Canary) -> None:
    other = Mint(os.urandom)
    other.new("p", "c")
    assert Search(other)(canary.text.encode() + NOISE + gzip.compress(canary.text.encode())) == []


@pytest.mark.parametrize("size", [7, 1000, 33_333])
def test_parts_that_follow_each_other_hide_nothing(mint: Mint, canary: Canary, size: int) -> None:
    data = NOISE + canary.text.encode() + NOISE + canary.text.encode("utf-16-le")
    data = data[len(NOISE) - 50 :][:60_000]
    parts = ((start, data[start : start + size]) for start in range(0, len(data), size))
    found = Search(mint).pieces(parts, Effort.FAST)
    assert {(each.form, each.canary) for each in found} == {("raw", canary), ("UTF-16", canary)}


def test_parts_with_a_gap_between_are_not_joined(mint: Mint, canary: Canary) -> None:
    text = canary.text.encode()
    assert Search(mint).pieces(iter([(0, text[:7]), (4096, text[7:10])])) == []
    assert Search(mint).pieces(iter([(0, text[:7]), (7, text[7:])])) == [Found("raw", canary, 3)]
