"""A running Lethe, as far as it can be seen from outside: headers, errors, pages, the posture's signature."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from lethe.evidence.canonical import Json
from lethe.evidence.signing import PayloadType, Verdict, verify
from lethe.ledger.pages import POSTURE_PATH
from lethe.providers.envelopes import MODEL
from lethe.retention.levels import Level, UpstreamClass
from lethe.verify import pages, remote
from lethe.verify.account import Account
from lethe.verify.canary import Canary, Mint, Where
from lethe.verify.modes import Front
from lethe.verify.positions import Position
from lethe.verify.questions import PATHS
from lethe.verify.remote import Reply
from lethe.verify.report import LIVE, Circumstances, document
from lethe.verify.search import Search
from lethe.verify.sinks import Hit, Looked, Sink

_NO_LEVEL = "verify"  # a word that is none
_PATIENCE = 120.0  # seconds
_MESSAGES, _CHAT = PATHS[Front.MESSAGES], PATHS[Front.CHAT]
_RESPONSES, _GENERATE = PATHS[Front.RESPONSES], PATHS[Front.GENERATE]
# What tells an error of the dialect that is asked in.
_SHAPES: Mapping[str, str] = {
    _MESSAGES: '"type":"error"',
    _CHAT: '"error":',
    _RESPONSES: '"error":',
    _GENERATE: '"error":',
}


class Ask(Struct, frozen=True):
    """One request with the canaries that it carries; `served` says whether an upstream is meant to answer it."""

    path: str
    body: bytes
    canaries: tuple[Canary, ...]
    served: bool = False
    model: str = "none"

    @property
    def target(self) -> str:
        """The path with the model, where that is its place."""
        return self.path.replace(MODEL, self.model)


def look(
    url: str, key: str | None, model: str | None, random: Callable[[int], bytes], now: Callable[[], float]
) -> dict[str, Json]:
    """The report, not yet signed. Without `model` nothing is served, and that much stays open."""
    began = now()
    mint, account = Mint(random), Account()
    search = Search(mint)
    replies: list[tuple[Ask, Reply]] = []
    for ask in asks(mint, model):
        try:
            replies.append((ask, _sent(url, key, ask)))
        except OSError as error:
            account.faults[f"{ask.path} does not answer ({error.strerror or type(error).__name__})"] = None
            if not replies:  # nobody is there: all the others would be waited for, too
                break
    account.requests = len(replies)
    account.served = sum(ask.served and reply.status == 200 for ask, reply in replies)
    for ask, reply in replies:
        for canary in ask.canaries:
            mint.arrived(canary, Where.LETHE)
        account.faults.update(dict.fromkeys(broken(ask, reply)))
    account.add([_callers(replies, search, open_end=account.served == 0)])
    if replies:
        account.add([pages.pages(url, {} if key is None else {"": key}, None, (search,))])
        account.faults.update(dict.fromkeys(_posture(url)))
    account.canaries = len(mint.canaries)
    about = Circumstances(
        form=LIVE,
        configurations=((url, _level(replies)),),
        enforced=(),
        finished=now(),
        seconds=now() - began,
    )
    return document(account, None, about)


def asks(mint: Mint, model: str | None) -> list[Ask]:
    """Requests that fail in some way, none of which reaches an upstream; with a model two that are served."""
    made: list[Ask] = []
    for path in _SHAPES:
        where = f"live{path}"
        text, name = mint.new(Position.USER_TEXT, where), mint.new(Position.MODEL, where)
        made.append(Ask(path, _body(path, name.text, text.text), (text, name), model=name.text))
        raw = mint.new(Position.RAW, where)
        made.append(Ask(path, b'{"model": "' + raw.text.encode(), (raw,)))
    if model is not None:
        again = [mint.new(Position.USER_TEXT, f"live{_MESSAGES}, served") for _ in range(2)]
        made += [Ask(_MESSAGES, _body(_MESSAGES, model, each.text), (each,), served=True) for each in again]
    return made


def broken(ask: Ask, reply: Reply) -> list[str]:
    """What every response promises, and this one does not keep."""
    faults = []
    if reply.said("x-lethe-level") not in set(Level):
        faults.append(f"{ask.path}: a response without x-lethe-level")
    if not _hex(reply.said("x-lethe-request-id")):
        faults.append(f"{ask.path}: a response without x-lethe-request-id")
    if "no-store" not in reply.said("cache-control"):
        faults.append(f"{ask.path}: a response without cache-control: no-store")
    if reply.status == 200 and reply.said("x-lethe-upstream-class") not in UpstreamClass.__members__:
        faults.append(f"{ask.path}: an answer without x-lethe-upstream-class")
    if ask.served and reply.status != 200:
        faults.append(f"{ask.path}: the model is not served: status {reply.status}")
    if not ask.served and (reply.status < 400 or _SHAPES[ask.path].encode() not in reply.body.replace(b" ", b"")):
        faults.append(f"{ask.path}: a wrong request is not answered by an error in the caller's dialect")
    return faults


def _callers(replies: list[tuple[Ask, Reply]], search: Search, *, open_end: bool) -> Looked:
    """Nobody gets anything of another's request."""
    hits = [
        Hit(Sink.CALLERS, found.form, ask.path, found.canary.position if found.canary else "")
        for ask, reply in replies
        for found in search(reply.whole)
        if found.canary not in ask.canaries
    ]
    reasons = ("nothing was served: name a model with --model",) if open_end else ()
    return Looked(Sink.CALLERS, sum(len(reply.body) for _, reply in replies), tuple(hits), reasons)


def _posture(url: str) -> list[str]:
    try:
        page = remote.asked(url, POSTURE_PATH, {})
        signed = msgspec.json.decode(page.body, type=dict[str, Any])
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return ["the posture cannot be had"]
    if page.status != 200 or verify(signed, PayloadType.POSTURE, None) is Verdict.BAD:
        return ["the posture's signature is bad"]
    return []


def _level(replies: list[tuple[Ask, Reply]]) -> str:
    return next((level for _, reply in replies if (level := reply.said("x-lethe-level")) in set(Level)), "none")


def _body(path: str, model: str, text: str) -> bytes:
    words = f"Say yes. {text}"
    said = [{"role": "user", "content": words}]
    bodies: dict[str, dict[str, Any]] = {
        _RESPONSES: {"model": model, "input": said, "store": False},
        _GENERATE: {"contents": [{"role": "user", "parts": [{"text": words}]}]},
    }
    return msgspec.json.encode(bodies.get(path, {"model": model, "max_tokens": 1, "messages": said}))


def _hex(text: str) -> bool:
    return len(text) == 32 and all(letter in "0123456789abcdef" for letter in text)


def _sent(url: str, key: str | None, ask: Ask) -> Reply:
    """Raises OSError."""
    headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    if not ask.served:  # by no upstream either, whatever names of models it takes
        headers["x-lethe-level"] = _NO_LEVEL
    if key:
        headers["x-api-key"] = key
    return remote.asked(url, ask.target, headers, ask.body, _PATIENCE)
