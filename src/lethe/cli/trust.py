"""The public key that a reader trusts."""

from pathlib import Path

from lethe.cli.output import CommandFailed
from lethe.evidence.signing import KeyRefused, public_key

_LARGEST = 1024 * 1024  # bytes


def trusted(path: str) -> bytes:
    """The raw key in a file, PEM or base64. Raises CommandFailed."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(_LARGEST).decode("ascii", "replace")
        return public_key(text)
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror or 'cannot be read'}") from None
    except KeyRefused as error:
        raise CommandFailed(f"{path}: {error}") from None
