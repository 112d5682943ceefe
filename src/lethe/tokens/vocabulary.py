"""What texts are counted with: a vocabulary that is installed (extra `tokens`), or else their bytes."""

import importlib.util
from collections.abc import Callable
from functools import cache
from importlib.machinery import PathFinder

from msgspec import Struct

PIECE = 8 * 1024  # characters that are counted at once: half a millisecond, of the worst that was found 13
_PACKAGE, _ENCODING = "bpe_openai", "o200k_base"  # of GPT-4o and all that came after it
_BYTES_A_TOKEN = 4  # of UTF-8 English and code; the ratio that vendors' own help pages give


class Vocabulary(Struct, frozen=True):
    """`count` takes at most a piece; it keeps nothing of it. `name` is how an estimate is labelled."""

    name: str
    count: Callable[[str], int]


@cache
def vocabulary() -> Vocabulary:
    """The best that there is. The first call takes 80 ms and 66 MB where one is installed."""
    count = _installed()
    return Vocabulary("utf8-bytes/4", _quarter) if count is None else Vocabulary("bpe-o200k", _whole(count))


def _installed() -> Callable[[str], int] | None:
    """The native module alone: its package's own start takes ten times as long, and reads the vocabulary once more."""
    package = importlib.util.find_spec(_PACKAGE)
    folders = package.submodule_search_locations if package is not None else None
    spec = PathFinder.find_spec(f"{_PACKAGE}._bindings", folders) if folders else None
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    count: Callable[[str], int] = module.tokenizer_for_encoding(_ENCODING).count
    return count


def _whole(count: Callable[[str], int]) -> Callable[[str], int]:
    """Also of text that UTF-8 cannot hold."""

    def counted(text: str) -> int:
        try:
            return count(text)
        except UnicodeEncodeError:
            return count(text.encode("utf-8", "replace").decode())

    return counted


def _quarter(text: str) -> int:
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_A_TOKEN)
