"""What is deployed, the same for every target: image, configuration, names of secrets, the need. No secret is in it."""

import re
from collections.abc import Iterator

from msgspec import Struct

from lethe.config.plan import Plan
from lethe.config.settings import Settings
from lethe.deploy.need import Need
from lethe.upstream.address import parse_address, parse_proxy

IMAGE = "ghcr.io/lethe-proxy/lethe@sha256:REPLACE-WITH-THE-DIGEST-OF-YOUR-RELEASE"
PORT = 8080
_IDENTITIES = ("aws:", "google:", "azure:")
# Without a configuration: one provider, one key for callers, both by reference.
STARTER = """[retention]
level = "C"

[upstreams.anthropic]
api_key = "env:ANTHROPIC_API_KEY"

[[keys]]
name = "clients"
key = "env:LETHE_CLIENT_KEY"
"""


class Secret(Struct, frozen=True, kw_only=True):
    """A reference of the configuration: an environment variable, or a file."""

    reference: str

    @property
    def variable(self) -> str | None:
        """The variable that it names; None for others."""
        scheme, _, name = self.reference.partition(":")
        return name if scheme == "env" else None

    @property
    def file(self) -> str | None:
        """The file that it names; None for others."""
        scheme, _, name = self.reference.partition(":")
        return name if scheme == "file" else None

    @property
    def label(self) -> str:
        """A name that every platform takes: lower case, digits, dashes."""
        _, _, name = self.reference.partition(":")
        return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "secret"


class Egress(Struct, frozen=True):
    """Where a worker connects to; `host` is a name or an address."""

    host: str
    port: int


class Deployment(Struct, frozen=True, kw_only=True):
    """`config` is the text of lethe.toml, `plan` what it says; `identities` are references to the workload's own.

    `account` is whose it is, where the platform's addresses name that.
    """

    name: str = "lethe"
    image: str = IMAGE
    region: str | None = None
    account: str | None = None
    config: str
    plan: Plan
    secrets: tuple[Secret, ...]
    identities: tuple[str, ...] = ()
    egress: tuple[Egress, ...]
    need: Need


def deployment_of(
    settings: Settings, config: str, need: Need, *, name: str, image: str, region: str | None
) -> Deployment:
    """From checked settings and the text that they came from."""
    references = dict.fromkeys((*settings.secrets, *filter(None, (settings.posture_key,))))
    return Deployment(
        name=name,
        image=image,
        region=region,
        config=config,
        plan=settings.plan,
        secrets=tuple(Secret(reference=each) for each in references if not each.startswith(_IDENTITIES)),
        identities=tuple(each for each in references if each.startswith(_IDENTITIES)),
        egress=tuple(dict.fromkeys(_egress(settings.plan))),
        need=need,
    )


def _egress(plan: Plan) -> Iterator[Egress]:
    for upstream in plan.upstreams:
        if upstream.proxy is not None:
            proxy = parse_proxy(upstream.proxy)
            yield Egress(proxy.host, proxy.port)
            continue
        address = parse_address(upstream.base_url)
        if address.socket is None:
            yield Egress(address.host, address.port)
    if plan.limit_store is not None and plan.limit_store.socket is None:
        yield Egress(plan.limit_store.host, plan.limit_store.port)
