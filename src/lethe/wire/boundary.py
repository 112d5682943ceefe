"""Where server-sent events end: relay whole events only, so that a stream can always be ended cleanly."""

_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_LONGEST = 4
MAX_HELD = 1024 * 1024


class EventBoundary:
    """Holds back the part of a read that does not complete an event, at most `limit` bytes of it."""

    __slots__ = ("_held", "_limit", "_size", "midway")

    def __init__(self, limit: int = MAX_HELD) -> None:
        self._held: list[bytes] = []
        self._size = 0
        self._limit = limit
        self.midway = False  # an event longer than the limit is on its way out in parts

    def feed(self, chunk: bytes) -> bytes:
        """The bytes that may go out now; possibly none."""
        if not self._held and chunk.endswith(_ENDS):
            self.midway = False
            return chunk
        # An end may be cut by the reads' boundary, so look a few bytes back.
        before = self._held[-1][-(_LONGEST - 1) :] if self._held else b""
        cut = _last_end(before + chunk) - len(before)
        if cut > 0:
            whole = b"".join((*self._held, chunk[:cut]))
            self._hold_only(chunk[cut:])
            self.midway = False
            return whole
        self._held.append(chunk)
        self._size += len(chunk)
        if self._size <= self._limit:
            return b""
        self.midway = True
        return self.rest()

    def rest(self) -> bytes:
        """What is held back, at the end of a stream that ended as it should."""
        held = b"".join(self._held)
        self._hold_only(b"")
        return held

    def _hold_only(self, rest: bytes) -> None:
        self._held = [rest] if rest else []
        self._size = len(rest)


def _last_end(data: bytes) -> int:
    """The index after the last event end; -1 if there is none."""
    return max(at + len(end) if (at := data.rfind(end)) >= 0 else -1 for end in _ENDS)
