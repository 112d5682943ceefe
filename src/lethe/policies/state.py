"""Server-held conversations are refused: nothing here may depend on what an upstream remembers."""

from lethe.errors import ThreadUnsupported
from lethe.wire.rawjson import TopLevel


def refuse_threads(body: TopLevel) -> None:
    """Raises ThreadUnsupported, on which the Anthropic SDKs resend the whole conversation (2.13.0, tool runner)."""
    if "thread" in body and body.value("thread") is not None:
        raise ThreadUnsupported
