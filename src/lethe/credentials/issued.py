"""What has to be asked for elsewhere: a reference's scheme says whom, and which packages that takes."""

from _thread import allocate_lock
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec

from msgspec import Struct

from lethe.credentials.static import Unresolved, resolve

ASKED_LATER = "asked for at start"


class Issued(Struct, frozen=True):
    """A secret, and when it ends, in Unix time; None: it counts until there is another. Kept out of its own repr."""

    value: str
    expires: float | None = None

    def __repr__(self) -> str:
        return f"<Issued until {self.expires}>"


class Source(Struct, frozen=True):
    """`packages` are imported by the broker alone, and only for such a reference; `extra` installs them.

    `module` is ours, which imports them.
    """

    extra: str
    packages: tuple[str, ...]
    module: str


_AWS = Source("aws", ("botocore",), "lethe.credentials.aws")
_GOOGLE = Source("google", ("google.auth", "requests"), "lethe.credentials.google")
_AZURE = Source("azure", ("azure.identity",), "lethe.credentials.azure")
SOURCES: dict[str, Source] = {
    "aws": _AWS,
    "google": _GOOGLE,
    "azure": _AZURE,
    "aws-sm": _AWS,
    "gcp-sm": _GOOGLE,
    "azure-kv": _AZURE,
}
_IMPORTS = (
    allocate_lock()
)  # SDKs share packages whose parts import each other: two threads could get in each other's way


def is_issued(reference: str) -> bool:
    """Is the secret asked for elsewhere, and not simply there?"""
    return reference.partition(":")[0] in SOURCES


def is_keys(reference: str) -> bool:
    """Is what is issued `sigv4.Keys`, as JSON, to sign with?"""
    return reference.startswith("aws:")


def fetch(reference: str) -> Issued:
    """Ask for it. Blocks, for some tens of seconds at most; reads the process's own environment, as vendors' SDKs do.

    Raises Unresolved.
    """
    refuse_missing(reference)
    try:
        with _IMPORTS:
            import_module(SOURCES[reference.partition(":")[0]].module)
        return _fetch(reference)
    except Unresolved:
        raise
    except Exception:  # noqa: BLE001 - SDKs fail in many ways, and their texts may quote what they read
        raise Unresolved(reference, "asking for it has failed") from None


def _fetch(reference: str) -> Issued:
    scheme, _, place = reference.partition(":")
    match scheme:
        case "aws":
            from lethe.credentials.aws import issue_keys

            return issue_keys(reference, place)
        case "google":
            from lethe.credentials.google import issue_token as issue_google_token

            return issue_google_token(reference, place)
        case "azure":
            from lethe.credentials.azure import issue_token as issue_azure_token

            return issue_azure_token(reference, place)
        case _:
            from lethe.credentials.stores import read

            return read(reference, scheme, place)


def state(reference: str, environ: Mapping[str, str]) -> str:
    """For people: `yes`, `no: why`, or that it is asked for elsewhere, which nobody does to say so."""
    try:
        if is_issued(reference):
            refuse_missing(reference)
            return ASKED_LATER
        resolve(reference, environ)
    except Unresolved as error:
        return f"no: {error.reason}"
    return "yes"


def refuse_missing(reference: str) -> None:
    """Raises Unresolved where the packages that it takes are not installed."""
    source = SOURCES[reference.partition(":")[0]]
    if not all(_installed(package) for package in source.packages):
        raise Unresolved(reference, f"it needs more packages: pip install 'lethe-proxy[{source.extra}]'")


def refused(reference: str, error: Exception, reasons: Mapping[type[Exception], str]) -> Unresolved:
    """In the words of the first kind that fits: texts of errors may quote what they are about."""
    return Unresolved(reference, next(words for kind, words in reasons.items() if isinstance(error, kind)))


def carried(reference: str, value: str) -> str:
    """The value, as a header can carry it. Raises Unresolved."""
    if not value:
        raise Unresolved(reference, "it is empty")
    if not (value.isascii() and value.isprintable()):
        raise Unresolved(reference, "it holds characters that no header can carry")
    return value


def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # of what it is a part of
        return False
