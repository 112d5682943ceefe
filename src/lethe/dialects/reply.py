"""What varies in a reply, handed to encoders as an argument."""

from msgspec import Struct


class ReplyContext(Struct, frozen=True, kw_only=True):
    """`id` is used where the upstream gave none; `created` is Unix seconds; `include_usage` is the caller's wish."""

    id: str
    created: int
    include_usage: bool = True
