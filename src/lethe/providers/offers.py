"""What a row says of a provider: in which dialects it is asked, where, and with what."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache

from msgspec import Struct

from lethe.ir.content import Dialect
from lethe.providers.envelopes import Envelope
from lethe.providers.upstream import Auth

HOST = "{host}"
_BLANK = re.compile(r"\{([a-z_]+)\}")


class Offer(Struct, frozen=True, kw_only=True):
    """A dialect at an address. In `base_url` stand blanks such as `{region}`, which the configuration fills.

    `auth` and `key_env` where they are not the provider's, `envelope` where it is not the dialect's own; `scope` is
    what a cloud identity's token is for, where it is not the usual one.
    """

    dialect: Dialect
    base_url: str
    envelope: Envelope | None = None
    auth: Auth | None = None
    key_env: str | None = None
    scope: str = ""
    only_here: bool = False  # what the register says of it holds for this address and for no other

    @property
    def dated(self) -> bool:
        """Does it need a version of the API?"""
        return self.envelope is not None and self.envelope.dated


class Provider(Struct, frozen=True, kw_only=True):
    """The first of `offers` is what it is asked in where the file does not say.

    `key_env` is the variable that the vendor's own SDK reads, `identity` the reference of the cloud identity that is
    used where the file names neither, `models` are globs. `hosts` fill the blank `{host}`: by a glob of the region, the
    first that matches. `refused` are globs of addresses that are not to be used, and why. `only` is where a body says
    which of the providers behind a router may answer.
    """

    name: str
    offers: tuple[Offer, ...]
    auth: Auth = Auth.BEARER
    key_env: str | None = None
    identity: str | None = None
    models: tuple[str, ...] = ()
    hosts: tuple[tuple[str, str], ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    only: str = ""

    @property
    def dialect(self) -> Dialect:
        return self.offers[0].dialect

    @property
    def speaks(self) -> tuple[Dialect, ...]:
        return tuple(dict.fromkeys(offer.dialect for offer in self.offers))

    @property
    def whole(self) -> bool:
        """Is its key all that it needs?"""
        return not self.blanks(self.offers[0])

    def offer(self, dialect: Dialect, *, dated: bool = False) -> Offer | None:
        """The first in this dialect, with a version of the API or without."""
        return next((each for each in self.offers if each.dialect is dialect and each.dated is dated), None)

    def elsewhere(self, dialect: Dialect, path: str, *, dated: bool = False) -> Offer | None:
        """How it serves a dialect at an address that is none of its own: behind a proxy, or at a private endpoint.

        An address that ends as one of its own does is served as that one is.
        """
        offers = [
            each for each in self.offers if each.dialect is dialect and each.dated is dated and not each.only_here
        ]
        return next((each for each in offers if path and each.base_url.endswith(path)), next(iter(offers), None))

    def at(self, url: str, dialect: Dialect, *, dated: bool = False) -> Offer | None:
        """The offer that has this address."""
        offers = (each for each in self.offers if each.dialect is dialect and each.dated is dated)
        return next((each for each in offers if _pattern(each.base_url, self.hosts).fullmatch(url)), None)

    def blanks(self, offer: Offer) -> tuple[str, ...]:
        """What has to be known to make its address."""
        hosts = "".join(host for _, host in self.hosts)
        return tuple(dict.fromkeys(_BLANK.findall(offer.base_url.replace(HOST, hosts))))

    def address(self, offer: Offer, filled: Mapping[str, str]) -> str:
        """Its address; every blank is in `filled`."""
        region = filled.get("region", "")
        host = next((host for glob, host in self.hosts if fnmatchcase(region, glob)), "")
        return _BLANK.sub(lambda blank: filled[blank[1]], offer.base_url.replace(HOST, host))


@cache
def _pattern(base_url: str, hosts: tuple[tuple[str, str], ...]) -> re.Pattern[str]:
    """Every address that an offer can have."""
    places = "|".join(_blanked(host) for _, host in hosts)
    return re.compile(_blanked(base_url).replace(re.escape(HOST), f"(?:{places})"))


def _blanked(template: str) -> str:
    parts = _BLANK.split(template)
    texts, names = parts[::2], parts[1::2]
    made = re.escape(texts[0])
    for name, text in zip(names, texts[1:], strict=True):
        made += (re.escape(HOST) if name == "host" else r"[^/.]+") + re.escape(text)
    return made
