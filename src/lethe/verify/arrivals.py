"""Which canaries have got to where they should: a canary that never travelled proves nothing."""

from lethe.ir.content import Dialect
from lethe.verify.caller import Heard
from lethe.verify.canary import MARK, TAG, Canary, Mint, Where
from lethe.verify.cases import COUNTING
from lethe.verify.errands import Errand
from lethe.verify.modes import CALLER_FAULTS, LEAVES, PROCESS, UNREACHABLE, Front, Mode
from lethe.verify.positions import DELICATE, MAY_END_HERE, STAYS, Position

WENT_WELL = frozenset(
    {
        Mode.SERVED,
        Mode.SECOND,
        Mode.REFUSAL,
        Mode.LARGE,
        Mode.LATE,
        Mode.DELICATE,
        Mode.TRAILER,
        Mode.LOG_CLOSED,
    }
)
_ANSWERED_IN_PART = LEAVES | frozenset({*PROCESS, Mode.IDLE_TIMEOUT, Mode.RESET, Mode.FIRST_BYTE_TIMEOUT})
# These may come as two events, each with a piece of the canary.
_IN_PIECES = frozenset({Position.TEXT_HALVES, Position.CALL_ARGUMENTS})
_ESTIMATED = b"x-lethe-estimate:"  # the proxy has counted itself
_RECOGNISED = len(MARK) + TAG + 2  # characters of a canary that tell it from others


def settle(errand: Errand, heard: Heard, mint: Mint) -> bool:
    """Account for every canary of one request. True: it was served, through an upstream, to its end."""
    for position, canary in errand.carried.items():
        if canary.text in errand.at_upstream:
            mint.arrived(canary, Where.UPSTREAM)
        elif _stays(errand, position, heard):
            mint.arrived(canary, Where.LETHE)
    for position, canary in errand.answered.items():
        if _was_heard(position, canary, heard):
            mint.arrived(canary, Where.CLIENT)
        elif _ends_here(errand, position, heard):
            mint.arrived(canary, Where.LETHE)
    return errand.asked > 0 and heard.status == 200 and errand.case.mode in WENT_WELL


def refused_by_class(errand: Errand, heard: Heard) -> bool:
    """Did the level refuse every upstream of this case? Then it says so, and asks none."""
    return heard.status == 403 and errand.asked == 0 and _spoken(errand, heard)


def _spoken(errand: Errand, heard: Heard) -> bool:
    """Is it an answer in the caller's dialect?"""
    opening = b'{"type":"error"' if errand.case.caller is Dialect.ANTHROPIC else b'{"error"'
    return heard.body.lstrip()[:40].replace(b" ", b"").startswith(opening)


def _stays(errand: Errand, position: Position, heard: Heard) -> bool:
    """A part of the question that no upstream has seen: is that right, and was the caller answered?"""
    case = errand.case
    if heard.status == 0:  # nobody was there to be answered
        if case.mode is Mode.GONE_UPLOADING:
            return errand.asked == 0
        return case.mode in PROCESS or (case.mode in LEAVES and position in STAYS and errand.asked > 0)
    if case.front is Front.MODELS or position in STAYS or case.mode in UNREACHABLE:
        return True
    if case.front in COUNTING and _ESTIMATED in heard.raw:
        return True
    refused = errand.asked == 0 and (_spoken(errand, heard) or (case.mode is Mode.BAD_HTTP and heard.status == 400))
    if case.mode in CALLER_FAULTS or case.mode is Mode.DELICATE:
        return refused or position in DELICATE or position is Position.RAW
    return refused_by_class(errand, heard)


def _was_heard(position: Position, canary: Canary, heard: Heard) -> bool:
    text = canary.text.encode()
    if text in heard.raw or text in heard.body:
        return True
    cuts = range(_RECOGNISED, len(text) - _RECOGNISED) if position in _IN_PIECES else ()
    return any(text[:cut] in heard.body and text[cut:] in heard.body for cut in cuts)


def _ends_here(errand: Errand, position: Position, heard: Heard) -> bool:
    """A part of an answer that the caller has not got: is that right?"""
    mode = errand.case.mode
    if mode in _ANSWERED_IN_PART:
        return True
    return heard.status != 0 and (position in MAY_END_HERE or mode not in WENT_WELL)
