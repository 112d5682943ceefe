"""Images, documents and sound: formats by media type, sources, and names that the API permits."""

import re
from collections.abc import Mapping

from lethe.dialects.textfile import closed
from lethe.ir.content import JsonObject, Media
from lethe.ir.loss import Losses

# By kind. botocore 1.44.8: ImageFormat, DocumentFormat, AudioFormat.
FORMATS: Mapping[str, Mapping[str, str]] = {
    "image": {
        "image/png": "png",
        "image/jpeg": "jpeg",
        "image/jpg": "jpeg",
        "image/gif": "gif",
        "image/webp": "webp",
    },
    "document": {
        "application/pdf": "pdf",
        "text/csv": "csv",
        "application/msword": "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
        "application/vnd.ms-excel": "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
        "text/html": "html",
        "text/plain": "txt",
        "text/markdown": "md",
    },
    "audio": {
        "audio/mpeg": "mp3",
        "audio/mp3": "mp3",
        "audio/wav": "wav",
        "audio/x-wav": "wav",
        "audio/wave": "wav",
        "audio/aac": "aac",
        "audio/flac": "flac",
        "audio/ogg": "ogg",
        "audio/opus": "opus",
        "audio/webm": "webm",
        "audio/mp4": "mp4",
        "audio/m4a": "m4a",
        "audio/x-m4a": "m4a",
        "audio/pcm": "pcm",
        "audio/L16": "pcm",
    },
}
_EXTENSIONS = frozenset(FORMATS["document"].values())
STORED = "s3://"  # a scheme of addresses that the API reads by itself
NEUTRAL = "document"
LONGEST_NAME = 200
_FOREIGN = re.compile(r"[^0-9A-Za-z\s\-()\[\]]+")  # DocumentBlock, `name`
_ROOM = 12  # for the number that tells two names apart


class Names:
    """The names of a request's documents, all different."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def fit(self, title: str | None, form: str) -> tuple[str, bool]:
        """A name that the API takes, and whether it says all that the title does."""
        said = (title or "").removesuffix(f".{form}")
        clean = " ".join(_FOREIGN.sub(" ", said).split())[:LONGEST_NAME].strip() or NEUTRAL
        name, number = clean, 1
        while name in self._taken:
            number += 1
            name = f"{clean[: LONGEST_NAME - _ROOM]} {number}"
        self._taken.add(name)
        return name, not title or clean == said


def encode_media(media: Media, names: Names, path: str, losses: Losses) -> JsonObject | None:
    """None, and a loss, where the API does not take it."""
    form, source = format_of(media), _source(media)
    if source is None or form is None:
        losses.dropped(path, "media by URL" if media.url else "media of a type that this API does not take")
        return None
    block: JsonObject = {"format": form, "source": source}
    if media.kind == "document":
        block["name"], whole = names.fit(media.title, form)
        if not whole:
            losses.degraded(f"{path}.title", "name of a document, as far as the API takes it")
    elif media.title:
        losses.degraded(f"{path}.title", "title")
    return {media.kind: block}


def format_of(media: Media) -> str | None:
    """By its media type, a document's also by its name; None for what the API has no word for."""
    if media.media_type is not None:
        return FORMATS[media.kind].get(media.media_type.partition(";")[0].strip())
    extension = (media.title or media.url or "").rpartition(".")[2].lower()
    return extension if media.kind == "document" and extension in _EXTENSIONS else None


def _source(media: Media) -> JsonObject | None:
    if media.url is not None:
        return {"s3Location": {"uri": media.url}} if media.url.startswith(STORED) else None
    if not media.data:
        return None
    return {"bytes": closed(media.media_type, media.data)}
