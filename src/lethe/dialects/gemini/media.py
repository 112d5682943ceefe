"""Images, documents and sound in parts, inline or by URL (google-genai 3.6.1 types, Blob and FileData)."""

import base64
import binascii
import re
from typing import Literal, TypeAlias
from urllib.parse import SplitResult

from lethe.dialects.gemini.overlay import leftovers, own
from lethe.dialects.gemini.proto import child, message
from lethe.dialects.overlay import present
from lethe.ir.content import JsonObject, Media
from lethe.ir.loss import Losses
from lethe.wire.fields import Fields

Kind: TypeAlias = Literal["image", "document", "audio"]
PLAIN_TEXT, PDF = "text/plain", "application/pdf"
INLINE, BY_URL = "inlineData", "fileData"
# Where a URL does not say what it leads to; the API wants to know.
TYPES_BY_SUFFIX = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "pdf": PDF,
    "txt": PLAIN_TEXT,
}
USUAL_TYPES: dict[Kind, str] = {"image": "image/jpeg", "document": PDF, "audio": "audio/wav"}
# Google's SDKs write base64 in the alphabet of URLs (google-genai 3.6.1); its API reads both, others one.
_URL_SAFE = str.maketrans("-_", "+/")
# Addresses that mean something to Google only: its file store, its cloud, its videos.
_STORED = ("googleapis.com", "youtube.com", "youtu.be")
_URL = re.compile(r"(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)", re.DOTALL)  # RFC 3986, appendix B


def kind_of(media_type: str | None) -> Kind | None:
    """None for what the model has no word for, such as video."""
    match (media_type or "").partition("/")[0]:
        case "image":
            return "image"
        case "audio":
            return "audio"
        case "text":
            return "document"
        case _:
            return "document" if media_type == PDF else None


def decode_inline(f: Fields) -> Media | None:
    """Of a part, which is left as it was where there is no such media."""
    inner = message(f.peek(INLINE), f"{f.path}.{INLINE}")
    media_type, data, title = inner.take("mimeType", str), inner.take("data", str), inner.take("displayName", str)
    kind = kind_of(media_type)
    if kind is None or data is None or media_type is None:
        return None
    data = data.translate(_URL_SAFE) + "=" * (-len(data) % 4)
    marks: JsonObject = own(leftovers(inner))
    if media_type.startswith("text/"):
        text = _text(data)
        if text is None:
            return None
        data, marks = text, {"mimeType": media_type, **marks}
    f.raw(INLINE)
    return Media(
        kind=kind,
        media_type=PLAIN_TEXT if media_type.startswith("text/") else media_type,
        data=data,
        title=title,
        extras=leftovers(f, inlineData=marks),
    )


def decode_by_url(f: Fields) -> Media | None:
    """Likewise. What Google keeps for the caller is nothing that we could hand on."""
    inner = child(Fields({BY_URL: f.peek(BY_URL)}, f.path), BY_URL)
    if inner is None:
        return None
    url, media_type, title = inner.take("fileUri", str), inner.take("mimeType", str), inner.take("displayName", str)
    kind = kind_of(media_type or suffix_type(url or ""))
    if url is None or kind not in ("image", "document") or not _is_public(url):
        return None
    f.raw(BY_URL)
    return Media(
        kind=kind,
        media_type=media_type,
        url=url,
        title=title,
        extras=leftovers(f, fileData=inner),
    )


def encode_media(media: Media, path: str, losses: Losses) -> JsonObject:
    """The part without leftovers."""
    named = present(displayName=media.title)
    if media.url is not None:
        media_type = media.media_type or suffix_type(media.url)
        return {BY_URL: {"fileUri": media.url, **present(mimeType=media_type), **named}}
    data = media.data or ""
    if media.kind == "document" and media.media_type == PLAIN_TEXT:
        if INLINE not in own(media.extras):
            losses.degraded(path, "document as text")
            return {"text": f"{media.title}\n\n{data}" if media.title else data}
        data = base64.b64encode(data.encode("utf-8", "replace")).decode()
    return {INLINE: {"mimeType": media.media_type or USUAL_TYPES[media.kind], "data": data, **named}}


def suffix_type(url: str) -> str | None:
    return TYPES_BY_SUFFIX.get(_split(url).path.rpartition(".")[2].lower())


def _is_public(url: str) -> bool:
    parts = _split(url)
    host = parts.hostname
    if host is None or parts.scheme not in ("http", "https"):
        return False
    return not any(host == own or host.endswith(f".{own}") for own in _STORED)


def _split(url: str) -> SplitResult:
    """Not by `urlsplit`, which remembers the last 128 URLs that it was asked for."""
    scheme, place, path = _URL.match(url).groups("")  # type: ignore[union-attr] # it matches any text
    return SplitResult(scheme.lower(), place, path, "", "")


def _text(data: str) -> str | None:
    try:
        return base64.b64decode(data).decode()
    except (binascii.Error, ValueError):
        return None
