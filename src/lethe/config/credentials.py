"""What an upstream's requests are authorised with: a key by reference, a cloud identity, or the caller's own."""

import re
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from lethe.config.places import Place
from lethe.config.problems import ConfigPath, Findings, choice
from lethe.config.schema import UpstreamTable
from lethe.config.values import ValueFault, secret_reference
from lethe.ir.content import Dialect
from lethe.providers.upstream import Auth

_DEFAULT = {Dialect.ANTHROPIC: Auth.X_API_KEY, Dialect.GEMINI: Auth.GOOG_API_KEY}  # the others: Bearer
# Identities, by the scheme of their references: what follows it, and how one is written.
IDENTITIES: dict[Auth, tuple[str, str]] = {
    Auth.AWS: (r"[A-Za-z0-9_+=,.@/-]*", "aws: or aws:PROFILE"),
    Auth.GOOGLE: (r"(?:/[^\x00-\x1f]+)?", "google: or google:/path/of/credentials.json"),
    Auth.AZURE: (r"[^\x00-\x20]*", "azure: or azure:CLIENT_ID"),
}
_WRITE = "write a reference: env:NAME or file:/path"
_REGION = re.compile(r"(?<=\.)[a-z]{2,8}(?:-[a-z0-9]+)+-\d+(?=\.)")  # openai 3.57.0, `providers/bedrock.py`
GATEWAY = "cloudflare"  # whose gateways take a token of their own


class Credential(Struct, frozen=True, kw_only=True):
    """`gateway` is the reference of a second secret, beside the provider's."""

    reference: str | None = None
    auth: Auth = Auth.NONE
    gateway: str | None = None


def find_credential(table: UpstreamTable, place: Place, provider: str, path: ConfigPath, found: Findings) -> Credential:
    """References and how they are presented. A vendor's key goes to that vendor's own address only."""
    gateway = _gateway(table, provider, path, found)
    reference = _read(credential_reference, table.api_key, (*path, "api_key"), found)
    if table.api_key is not None and reference is None:
        return Credential()
    if table.auth is None:
        made = _by_secret(reference, gateway, place, path, found)
    else:
        made = _by_auth(table.auth, reference, gateway, place, path, found)
    if made.auth is Auth.AWS and region_of(table, place) is None:
        found.problem((*path, "region"), "is missing, and what is signed is signed for one", "for example eu-central-1")
    if made.auth is Auth.AZURE and made.reference is not None and place.offer is not None:
        return replace(made, reference=with_scope(made.reference, place.offer.scope))
    return made


def with_scope(reference: str, scope: str) -> str:
    """An identity's reference with what its token is for, unless it says that itself."""
    return f"{reference}#{scope}" if scope and "#" not in reference else reference


def credential_reference(value: str) -> str:
    """A secret's reference, or an identity's, unchanged. Raises ValueFault."""
    if (auth := identity_of(value)) is None:
        return secret_reference(value)
    pattern, hint = IDENTITIES[auth]
    if not re.fullmatch(pattern, value.partition(":")[2], re.ASCII):
        raise ValueFault("is not the reference of an identity", f"write {hint}")
    return value


def identity_of(reference: str) -> Auth | None:
    """The way of the identity that a reference names; None for a secret's."""
    scheme, colon, _ = reference.partition(":")
    return next((auth for auth in IDENTITIES if colon and scheme == auth), None)


def region_of(table: UpstreamTable, place: Place) -> str | None:
    """As the file says, or else as the provider's own address does."""
    if table.region is not None:
        return table.region
    named = _REGION.search(place.address.host) if place.own else None
    return named[0] if named is not None else None


def _by_secret(
    reference: str | None, gateway: str | None, place: Place, path: ConfigPath, found: Findings
) -> Credential:
    """Where the file does not say how."""
    vendor, offer = place.vendor, place.offer
    auth = _usual(place)
    if reference is not None:
        auth = identity_of(reference) or (_DEFAULT.get(place.dialect, Auth.BEARER) if auth is Auth.NONE else auth)
        return Credential(reference=reference, auth=auth, gateway=gateway)
    if gateway is not None:
        return Credential(reference=gateway, auth=Auth.CLOUDFLARE)
    if vendor is None or not place.own or auth is Auth.NONE:
        return Credential()
    if vendor.identity is not None:
        return Credential(reference=vendor.identity, auth=identity_of(vendor.identity) or auth)
    if key_env := (offer and offer.key_env) or vendor.key_env:
        return Credential(reference=f"env:{key_env}", auth=auth)
    if not vendor.whole:
        found.problem((*path, "api_key"), "is missing", f"{_WRITE}, or gateway_key")
    return Credential(auth=auth)


def _by_auth(
    name: str, reference: str | None, gateway: str | None, place: Place, path: ConfigPath, found: Findings
) -> Credential:
    """In the way that the file says."""
    known = {str(auth): auth for auth in Auth}
    auth = known.get(name)
    if auth is None:
        found.problem((*path, "auth"), "is not a way to authenticate", choice(name, known))
        return Credential()
    if auth in (Auth.FORWARD, Auth.NONE):
        if reference is not None:
            found.problem((*path, "api_key"), "is not used with this auth", "leave out one of the two")
        return Credential(auth=auth, gateway=gateway)
    if auth is Auth.CLOUDFLARE and reference is None and gateway is not None:
        return Credential(reference=gateway, auth=auth)
    identity = identity_of(reference) if reference is not None else None
    if auth in IDENTITIES:
        if reference is not None and identity is not auth:
            found.problem((*path, "api_key"), "is not an identity of this kind", f"write {IDENTITIES[auth][1]}")
        return Credential(reference=reference or f"{auth}:", auth=auth, gateway=gateway)
    if identity is not None:
        found.problem((*path, "auth"), "is for a key, and api_key names an identity", "leave it out")
    if reference is None:
        vendor, offer = place.vendor, place.offer
        key_env = ((offer and offer.key_env) or vendor.key_env) if vendor is not None and place.own else None
        if key_env is None:
            found.problem((*path, "api_key"), "is missing", _WRITE)
            return Credential(auth=auth)
        reference = f"env:{key_env}"
    return Credential(reference=reference, auth=auth, gateway=gateway)


def _usual(place: Place) -> Auth:
    """How this provider takes a key in this dialect."""
    if place.offer is not None and place.offer.auth is not None:
        return place.offer.auth
    if place.offer is None:
        return _DEFAULT.get(place.dialect, Auth.BEARER)
    return place.vendor.auth if place.vendor is not None else Auth.NONE


def _gateway(table: UpstreamTable, provider: str, path: ConfigPath, found: Findings) -> str | None:
    where = (*path, "gateway_key")
    if table.gateway_key is not None and provider != GATEWAY:
        found.problem(where, "is not used here", f'it is for provider = "{GATEWAY}"')
        return None
    return _read(secret_reference, table.gateway_key, where, found)


def _read(parse: Callable[[str], str], value: str | None, path: ConfigPath, found: Findings) -> str | None:
    if value is None:
        return None
    try:
        return parse(value)
    except ValueFault as fault:
        found.problem(path, fault.problem, fault.hint)
        return None
