"""Gateways of an account, by Cloudflare's own SDK (extra `cloudflare`). Errors never quote what the API has said."""

from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar, cast

import cloudflare
import msgspec
from cloudflare import Cloudflare

from lethe.deploy.gateway import Json

API = "https://api.cloudflare.com/client/v4"
_MOST = 1000  # gateways of an account that are looked at; Cloudflare allows 20
_TIMEOUT = 30.0
T = TypeVar("T")


class Refused(Exception):
    """The API did not do what was asked; the text says whose fault it is."""


_REASONS = {
    401: "Cloudflare does not accept the token",
    403: "the token may not do this: it needs AI Gateway Read, and AI Gateway Edit to apply, on this account",
    404: "there is no such account, or the token does not see it",
    429: "Cloudflare asks to slow down: try again in some minutes",
}


class Gateways:
    """Those of one account. Nothing of the environment but proxies is used: neither other keys nor another address."""

    def __init__(self, token: str, account: str, *, api: str, retries: int = 2) -> None:
        # Empty text keeps the SDK from looking into the environment; None afterwards keeps it from sending it.
        client = Cloudflare(
            api_token=token, api_key="", api_email="", user_service_key="", base_url=api, max_retries=retries,
            timeout=_TIMEOUT,
        )  # fmt: skip
        client.api_key = client.api_email = client.user_service_key = None
        self._client = client
        self._account = account

    def read(self, name: str) -> Json | None:
        """As the API says it, fields included that the SDK does not know; None if there is none. Raises Refused."""
        try:
            return self._one(lambda: self._raw.get(name, account_id=self._account))
        except _Absent:
            return None

    def create(self, body: Json) -> Json:
        """Raises Refused."""
        return self._one(lambda: self._raw.create(account_id=self._account, **body))

    def update(self, name: str, body: Json) -> Json:
        """Raises Refused."""
        return self._one(lambda: self._raw.update(name, account_id=self._account, **body))

    def names(self) -> tuple[str, ...]:
        """Of every gateway, page by page. Raises Refused."""
        pages = _asked(lambda: list(islice(self._client.ai_gateway.list(account_id=self._account), _MOST)))
        return tuple(gateway.id for gateway in pages)

    @property
    def _raw(self) -> Any:
        return self._client.ai_gateway.with_raw_response

    def _one(self, ask: Callable[[], Any]) -> Json:
        text: str = _asked(lambda: ask().text())
        try:
            answer = msgspec.json.decode(text)
        except msgspec.DecodeError:
            answer = None
        if not isinstance(answer, dict) or not isinstance(answer.get("result"), dict):
            raise Refused("Cloudflare answered with something that is no gateway")
        return cast("Json", answer["result"])


class _Absent(Refused):
    pass


def _asked(ask: Callable[[], T]) -> T:
    """Raises Refused."""
    try:
        return ask()
    except cloudflare.APIStatusError as error:
        status = error.status_code
        reason = _REASONS.get(status, f"Cloudflare answered with status {status}")
        raise (_Absent if status == 404 else Refused)(reason) from None
    except cloudflare.APIConnectionError:
        raise Refused("Cloudflare's API cannot be reached") from None
    except cloudflare.CloudflareError:
        raise Refused("Cloudflare's SDK could not do it") from None
