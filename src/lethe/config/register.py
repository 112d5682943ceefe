"""The register as it is installed: finds the files that an upstream needs, and reads no others.

File names begin with the provider. They are read beside the package's modules, not through importlib.resources,
whose import costs more than reading them.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from lethe.ir.content import Dialect
from lethe.retention import register
from lethe.retention.register import RegisterFault, Rows, Vendor
from lethe.retention.surface import Surface

GENERIC = "generic"
_FOLDER = Path(register.__file__).parent / "surfaces"
_SHARED = _FOLDER / "shared"


def surfaces_for(provider: str, host: str, dialect: Dialect, *, loopback: bool) -> tuple[Surface, ...]:
    """What is known of an upstream, one surface an endpoint of this dialect. Endpoints that its provider's record
    lacks are those of a server that nobody knows.

    `provider` is a name of the register, or empty: then `host` tells, unless it is this machine. Engines that run on
    this machine are known as such only where they do.
    """
    name = _provider(provider, host, loopback=loopback)
    own = [surface for surface in _of(name) if surface.dialect is dialect]
    endpoints = {surface.endpoint for surface in own}
    return (
        *own,
        *(surface for surface in _of(GENERIC) if surface.dialect is dialect and surface.endpoint not in endpoints),
    )


def all_surfaces() -> tuple[Surface, ...]:
    """The whole register, in the order of providers."""
    return tuple(surface for name in vendors() for surface in _of(name))


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
    return next((name for name, vendor in vendors().items() if _at(vendor.hosts, host)), GENERIC)


def _at(hosts: Iterable[str], host: str) -> bool:
    return any(fnmatchcase(host.lower(), glob) for glob in hosts)


@cache
def _of(provider: str) -> tuple[Surface, ...]:
    """The surfaces of one provider, in the order of their files' names."""
    return tuple(_surface(path) for path in sorted(_FOLDER.glob(f"{provider}.*.toml")))


def _surface(path: Path) -> Surface:
    provider = path.name.partition(".")[0]
    surface = register.parse_surface(path.read_text(encoding="utf-8"), path.name, vendors()[provider], _rows)
    if path.name != f"{surface.id}.toml" or surface.provider != provider:
        raise RegisterFault(f"{path.name}: is not called after its id and its provider")
    return surface


@cache
def _rows(name: str) -> Rows:
    path = _SHARED / f"{name}.toml"
    return register.parse_rows(path.read_text(encoding="utf-8"), path.name)
