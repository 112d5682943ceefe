"""Text files inline: base64 in the APIs that take files, plain in the hub (`Media`)."""

from base64 import b64decode, b64encode

PLAIN_TEXT = "text/plain"


def opened(media_type: str | None, data: str | None) -> str | None:
    """The text of a file in base64; None for any other file, and for what is no text."""
    if data is None or (media_type or "").partition(";")[0] != PLAIN_TEXT:
        return None
    try:
        return b64decode(data, validate=True).decode()
    except ValueError:
        return None


def closed(media_type: str | None, data: str) -> str:
    """The inverse; other files are in base64 as they are."""
    return b64encode(data.encode("utf-8", "replace")).decode() if media_type == PLAIN_TEXT else data
