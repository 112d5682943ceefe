"""How much a key may ask for: requests and tokens a minute, requests at a time. Pure; the clock is an argument.

A minute slides: what was counted in the one before fades out while the present one goes on. Tokens are known only when
an answer ends, so they are held against the requests that follow.
"""

from math import ceil

from msgspec import Struct

MINUTE = 60.0  # seconds
_BUSY = 1  # seconds after which a place may be free again
_TEXT = 4  # bytes a token has in English, as OpenAI's rule of thumb says
_PIECE = 200  # bytes an event of a stream has around a token or two


class Limits(Struct, frozen=True, kw_only=True):
    """None: as much as one likes."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None

    @property
    def none(self) -> bool:
        return self == NO_LIMITS


NO_LIMITS = Limits()


class Counted(Struct, frozen=True):
    """What a key has had: in the sliding minute, and at this moment."""

    requests: float
    tokens: float
    concurrent: int


class Exceeded(Struct, frozen=True):
    """`limit` is the setting's name, `wait` whole seconds after which it is worth asking again."""

    limit: str
    most: int
    wait: int


def exceeded(limits: Limits, counted: Counted, now: float) -> Exceeded | None:
    """What keeps one more request from being let in; `now` is Unix time."""
    if limits.concurrent is not None and counted.concurrent >= limits.concurrent:
        return Exceeded("concurrent", limits.concurrent, _BUSY)
    if limits.requests_per_minute is not None and counted.requests + 1 > limits.requests_per_minute:
        return Exceeded("requests_per_minute", limits.requests_per_minute, _rest(now))
    if limits.tokens_per_minute is not None and counted.tokens >= limits.tokens_per_minute:
        return Exceeded("tokens_per_minute", limits.tokens_per_minute, _rest(now))
    return None


def cost(told: int, asked: int, answered: int, *, stream: bool) -> int:
    """Tokens to hold against a key: as many as the upstream told, else by the bytes of question and good answer.

    A stream that its caller breaks off, or a Chat stream without `include_usage`, tells nothing, and would be free.
    """
    if told or not answered:
        return told
    return asked // _TEXT + answered // (_PIECE if stream else _TEXT) + 1


def _rest(now: float) -> int:
    """Of the minute, at least one second."""
    return max(1, ceil(MINUTE - now % MINUTE))


class Window:
    """What was counted in this minute and in the one before."""

    __slots__ = ("_before", "_minute", "_this")

    def __init__(self) -> None:
        self._minute = 0
        self._this = self._before = 0

    def add(self, amount: int, now: float) -> None:
        self._turn(now)
        self._this += amount

    def total(self, now: float) -> float:
        """In the minute that ends now, on the assumption that the one before was even."""
        self._turn(now)
        return self._this + self._before * (1 - now % MINUTE / MINUTE)

    def _turn(self, now: float) -> None:
        minute = int(now // MINUTE)
        if minute != self._minute:
            self._before = self._this if minute == self._minute + 1 else 0
            self._this, self._minute = 0, minute
