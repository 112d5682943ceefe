"""How families of models count, as their vendors say, by globs of the model's name. Read on 2026-11-29.

Claude: docs "Images and vision" (a token a patch of 28 pixels, two native resolutions), "Token counting" (the newer
tokenizer makes approximately 30 percent more tokens), "Tool use" (a prompt of its own that comes with tools), "PDF
support" (1,500 to 3,000 tokens a page).
GPT: guide "Images and vision" (tiles of 512 pixels, or patches of 32), where it lists no newer model those that callers
were billed for (community.openai.com, t/1377015).
Gemini: docs "Tokens" (258 a tile) and "Media resolution" (what an image and a page get unless asked otherwise).
"""

from msgspec import Struct

from lethe.retention.globs import matches
from lethe.tokens.images import Crops, Flat, Formula, Patches, Tiles


class Family(Struct, frozen=True, kw_only=True):
    """`factor` is by how much more tokens its vocabulary makes of a text than the one that we count with."""

    models: tuple[str, ...]
    image: Formula
    page: int  # tokens of a document's page
    factor: float = 1.0
    low: int | None = None  # tokens of an image that is wanted in low detail
    tools: int = 0  # tokens of the prompt that comes with tools


_PAGE = 2_250  # between 1,500 and 3,000
_NEW_CLAUDE = (
    "*claude-opus-4-[7-9]*", "*claude-opus-4.[7-9]*", "*claude-opus-[5-9]*", "*claude-sonnet-[5-9]*",
    "*claude-haiku-[5-9]*", "*claude-fable*", "*claude-mythos*",
)  # fmt: skip
_BUDGET = 1_536  # patches of 32 pixels

# The first that matches counts; the last matches all.
FAMILIES: tuple[Family, ...] = (
    Family(models=_NEW_CLAUDE, factor=1.3, image=Patches(side=28, longest=2_576, most=4_784), page=_PAGE, tools=346),
    Family(models=("*claude*",), image=Patches(side=28, longest=1_568, most=1_568), page=_PAGE, tools=346),
    Family(models=("*gemini-1*", "*gemini-2*"), image=Crops(each=258, small=384, least=256, most=768), page=258),
    Family(models=("*gemini*",), image=Flat(1_120), page=560),
    Family(models=("*gpt-4.1-mini*",), image=Patches(side=32, most=_BUDGET, whole=True, factor=1.62), page=_PAGE),
    Family(models=("*gpt-4.1-nano*",), image=Patches(side=32, most=_BUDGET, whole=True, factor=2.46), page=_PAGE),
    Family(
        models=("*o4-mini*", "*codex-mini*"), image=Patches(side=32, most=_BUDGET, whole=True, factor=1.72), page=_PAGE
    ),
    Family(models=("*gpt-4o-mini*",), image=Tiles(start=2_833, each=5_667), low=2_833, page=_PAGE),
    Family(models=("*gpt-4*", "*chatgpt-4o*"), image=Tiles(start=85, each=170), low=85, page=_PAGE),
    Family(models=("o1*", "o3*", "*/o1*", "*/o3*"), image=Tiles(start=75, each=150), low=75, page=_PAGE),
    Family(models=("*gpt-5-nano*",), image=Patches(side=32, most=_BUDGET, whole=True, factor=1.5), page=_PAGE),
    Family(models=("*gpt-5-mini*",), image=Patches(side=32, most=_BUDGET, whole=True, factor=1.2), page=_PAGE),
    Family(models=("*gpt-5", "*gpt-5-*", "*gpt-5.1*"), image=Tiles(start=70, each=140), low=70, page=_PAGE),
    Family(models=("*",), image=Patches(side=32, most=_BUDGET, whole=True, factor=1.2), page=_PAGE),
)


def family(model: str) -> Family:
    """Of a model, by the name under which its upstream knows it."""
    return next(row for row in FAMILIES if matches(row.models, model))
