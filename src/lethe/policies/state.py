"""Server-held conversations are refused: nothing here may depend on what an upstream remembers."""

from lethe.errors import LossRefused, ThreadUnsupported
from lethe.ir.content import Dialect
from lethe.ir.request import Request
from lethe.wire.rawjson import TopLevel

# What a Responses request can leave to the provider (openai 3.57.0 types, ResponseCreateParams).
_HELD = ("previous_response_id", "conversation", "prompt", "background", "store")


def refuse_threads(body: TopLevel) -> None:
    """Raises ThreadUnsupported, on which the Anthropic SDKs resend the whole conversation (2.13.0, tool runner)."""
    if "thread" in body and body.value("thread") is not None:
        raise ThreadUnsupported


def refuse_state(request: Request) -> None:
    """Before a Responses request is translated: no other API holds a conversation, or an answer to be fetched later.

    Whether a route allows losses changes nothing: the model would miss what was said. Raises LossRefused.
    """
    if request.extras is None or request.extras.dialect is not Dialect.OPENAI_RESPONSES:
        return
    if held := [f"$.{name} (state that a provider holds)" for name in _HELD if request.extras.fields.get(name)]:
        raise LossRefused(held)
