"""Moments as signed documents tell them: RFC 3339, UTC, whole seconds."""

import re
from datetime import UTC, datetime

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z", re.ASCII)


def written(at: float) -> str:
    """`at` is Unix time."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(text: str) -> float:
    """Unix time. Raises ValueError for any other form."""
    if not _MOMENT.match(text):
        raise ValueError("not a time of a signed document")
    return datetime.fromisoformat(text).timestamp()
