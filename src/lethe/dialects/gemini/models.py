"""What models take differs by their family: rows, the first that fits a name counts.

Sources: ai.google.dev, "Thinking", "Thought Signatures", "Function calling" (2026-11).
"""

import re
from typing import Literal

from msgspec import Struct

Control = Literal["level", "budget", "none"]


class Family(Struct, frozen=True, kw_only=True):
    """`control` is how thinking is set, `least` to what it can be turned down (None: off), `most` the largest budget;
    `signs`: are calls in the history refused without signatures; `nests_media`: may a response hold media?
    """

    names: re.Pattern[str]
    control: Control
    least: int | str | None = None
    most: int = 0
    signs: bool = True
    nests_media: bool = True


FAMILIES: tuple[Family, ...] = (
    Family(
        names=re.compile(r"gemini-2\.5-pro"), control="budget", least=128, most=32_768, signs=False, nests_media=False
    ),
    Family(names=re.compile(r"gemini-2\.5"), control="budget", most=24_576, signs=False, nests_media=False),
    Family(names=re.compile(r"gemini-[12]\b|gemma|learnlm"), control="none", signs=False, nests_media=False),
    Family(names=re.compile(r"flash"), control="level", least="MINIMAL"),
    Family(names=re.compile(r""), control="level", least="LOW"),
)


def family_of(model: str) -> Family:
    return next(family for family in FAMILIES if family.names.search(model))
