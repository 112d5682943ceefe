"""The register as it is installed: finds the files that an upstream needs, and reads no others.

File names begin with the provider. They are read beside the package's modules, not through importlib.resources,
whose import costs more than reading them.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from lethe.ir.content import Dialect
from lethe.providers.envelopes import PLAIN, Envelope
from lethe.retention import register
from lethe.retention.register import RegisterFault, Rows, Vendor
from lethe.retention.surface import Surface

GENERIC = "generic"
_FOLDER = Path(register.__file__).parent / "surfaces"
_SHARED = _FOLDER / "shared"


def surfaces_for(
    provider: str, host: str, dialect: Dialect, *, loopback: bool, envelope: Envelope | None = None
) -> tuple[Surface, ...]:
    """What is known of an upstream, one surface an endpoint of its envelope. Endpoints that its provider's record
    lacks are those of a server that nobody knows.

    `provider` is a name of the register, or empty: then `host` tells, unless it is this machine. Engines that run on
    this machine are known as such only where they do.
    """
    name = _provider(provider, host, loopback=loopback)
    served, plain = envelope or PLAIN[dialect], PLAIN[dialect]
    files = (
        (f"{name}.{served.surface(endpoint)}.toml", f"{GENERIC}.{plain.surface(endpoint)}.toml")
        for endpoint in served.endpoints()
    )
    known = (next((file for file in of_endpoint if file in _files()), None) for of_endpoint in files)
    return tuple(_surface(file) for file in known if file)


def provider_at(host: str) -> str:
    """The name of the provider that is reached at a host; empty if the register knows none."""
    return next((name for name, vendor in vendors().items() if _at(vendor.hosts, host)), "")


def all_surfaces() -> tuple[Surface, ...]:
    """The whole register, in the order of providers."""
    return tuple(_surface(file) for name in vendors() for file in _files() if file.startswith(f"{name}."))


def providers() -> tuple[str, ...]:
    """Names that an upstream may give as its provider."""
    return tuple(name for name in vendors() if name != GENERIC)


@cache
def vendors() -> dict[str, Vendor]:
    """Every provider of the register, by name."""
    path = _SHARED / "vendors.toml"
    return register.parse_vendors(path.read_text(encoding="utf-8"), path.name)


def _provider(provider: str, host: str, *, loopback: bool) -> str:
    if vendor := vendors().get(provider):
        return provider if loopback or not vendor.local else GENERIC
    if provider or loopback:
        return GENERIC
    return provider_at(host) or GENERIC


def _at(hosts: Iterable[str], host: str) -> bool:
    return any(fnmatchcase(host.lower(), glob) for glob in hosts)


@cache
def _files() -> tuple[str, ...]:
    return tuple(sorted(path.name for path in _FOLDER.iterdir() if path.suffix == ".toml"))


@cache
def _surface(file: str) -> Surface:
    provider = file.partition(".")[0]
    text = (_FOLDER / file).read_text(encoding="utf-8")
    surface = register.parse_surface(text, file, vendors()[provider], _rows)
    if file != f"{surface.id}.toml" or surface.provider != provider:
        raise RegisterFault(f"{file}: is not called after its id and its provider")
    return surface


@cache
def _rows(name: str) -> Rows:
    path = _SHARED / f"{name}.toml"
    return register.parse_rows(path.read_text(encoding="utf-8"), path.name)
