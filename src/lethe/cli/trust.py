"""The key that signs a statement, and the public one that its reader trusts."""

from collections.abc import Mapping
from pathlib import Path

from lethe.cli.output import CommandFailed
from lethe.credentials.static import Unresolved, text_of
from lethe.evidence.signing import KeyRefused, Signer, public_key

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


def signing_state(reference: str | None, environ: Mapping[str, str]) -> str:
    """For people: `yes`, `no: why`, or `none` where a key is made at every start."""
    if reference is None:
        return "none"
    try:
        Signer.from_secret(text_of(reference, environ))
    except Unresolved as error:
        return f"no: {error.reason}"
    except KeyRefused as error:
        return f"no: {error}"
    return "yes"
