"""Token counts."""

from msgspec import Struct


class Usage(Struct, frozen=True, kw_only=True):
    """Disjoint counters: the prompt is `input + cache_read + cache_write`; `reasoning` is within `output`."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def prompt(self) -> int:
        return self.input + self.cache_read + self.cache_write
