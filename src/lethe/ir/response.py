"""The canonical buffered reply: what a whole stream folds to."""

from msgspec import Struct

from lethe.ir.content import ContentBlock, Extras
from lethe.ir.events import Finish


class Response(Struct, frozen=True, kw_only=True):
    """`finish` carries the final usage. `extras` is the reply object's own, `finish.extras` its choice's or delta's."""

    id: str
    model: str
    content: tuple[ContentBlock, ...]
    finish: Finish
    extras: Extras | None = None
