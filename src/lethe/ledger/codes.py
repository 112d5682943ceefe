"""Error codes by index: events carry the number, lines and metrics the name."""

from lethe import errors
from lethe.errors import LetheError
from lethe.ledger.events import NONE

CODES: tuple[str, ...] = tuple(
    dict.fromkeys(
        kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, LetheError)
    )
)
"""Every code of the error tree once, in the order in which the tree is written."""

_INDEX = {code: index for index, code in enumerate(CODES)}


def index_of(code: str) -> int:
    """The index of an error's code; NONE for a code that is not in the tree."""
    return _INDEX.get(code, NONE)
