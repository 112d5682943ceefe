"""Why an answer ends, and what is said of it besides (google-genai 3.6.1 types, FinishReason, BlockedReason)."""

from collections.abc import Mapping

from lethe.ir.events import Finish, StopReason

STOP_REASONS: Mapping[str, StopReason] = {
    "STOP": StopReason.END_TURN,
    "MAX_TOKENS": StopReason.MAX_TOKENS,
    "CONTINUATION": StopReason.MAX_TOKENS,  # of one request; another may go on
    "SAFETY": StopReason.REFUSAL,
    "RECITATION": StopReason.REFUSAL,
    "BLOCKLIST": StopReason.REFUSAL,
    "PROHIBITED_CONTENT": StopReason.REFUSAL,
    "SPII": StopReason.REFUSAL,
    "IMAGE_SAFETY": StopReason.REFUSAL,
    "IMAGE_PROHIBITED_CONTENT": StopReason.REFUSAL,
    "IMAGE_RECITATION": StopReason.REFUSAL,
    "ESCALATION": StopReason.REFUSAL,
    "PUP_LIMITED_DISABLED": StopReason.REFUSAL,
    "MODEL_ARMOR": StopReason.REFUSAL,
}
NAMES: Mapping[StopReason, str] = {
    StopReason.END_TURN: "STOP",
    StopReason.TOOL_USE: "STOP",
    StopReason.STOP_SEQUENCE: "STOP",
    StopReason.PAUSE: "STOP",
    StopReason.MAX_TOKENS: "MAX_TOKENS",
    StopReason.CONTEXT_WINDOW: "MAX_TOKENS",
    StopReason.REFUSAL: "SAFETY",
    StopReason.OTHER: "OTHER",
}
UNSPECIFIED = "FINISH_REASON_UNSPECIFIED"  # as if there were none


def stop_reason(word: str, *, called: bool) -> StopReason:
    """The API has no word of its own for an end with calls."""
    reason = STOP_REASONS.get(word, StopReason.OTHER)
    return StopReason.TOOL_USE if called and reason is StopReason.END_TURN else reason


def finish_reason(finish: Finish, *, refused: bool) -> str:
    """The upstream's own word where it is one of the API's."""
    reason = StopReason.REFUSAL if refused else finish.reason
    word = finish.raw_reason or ""
    return word if STOP_REASONS.get(word) is reason else NAMES[reason]
