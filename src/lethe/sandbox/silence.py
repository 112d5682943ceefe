"""Nothing in a worker writes for people: logging, warnings and what makes tracebacks talkative, off for good.

Beneath any switch: none of the variables that would turn them on is in a worker's environment, and none is asked here.
"""

import logging
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# What records local variables, or sends what it sees elsewhere.
FORBIDDEN = frozenset({"IPython", "cgitb", "ddtrace", "elasticapm", "newrelic", "opentelemetry", "sentry_sdk"})
FORBIDDEN_PARTS = frozenset({"rich.traceback"})


class Forbidden(ImportError):
    """A module that a worker must not hold. The text is fixed."""


class _Refusal:
    """Comes before every other finder."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        del path, target
        if is_forbidden(name):
            raise Forbidden("this module is not allowed in a worker")
        return None


def everything() -> None:
    """Loggers of the standard library and of anybody else, and warnings."""
    logging.disable(sys.maxsize)  # a level above CRITICAL is possible
    logging.raiseExceptions = False  # it prints the arguments of a call that is wrong
    logging.lastResort = None
    root = logging.getLogger()
    root.handlers[:] = [logging.NullHandler()]
    warnings.showwarning = _nothing
    warnings.simplefilter("ignore")


def forbid_imports() -> None:
    """From here on, and before: raises Forbidden when one is there already."""
    if any(is_forbidden(name) for name in sys.modules):
        raise Forbidden("a module that is not allowed in a worker was loaded before it")
    sys.meta_path.insert(0, _Refusal)


def is_forbidden(module: str) -> bool:
    return module.partition(".")[0] in FORBIDDEN or module in FORBIDDEN_PARTS


def _nothing(*_: Any, **__: Any) -> None:
    """In place of a line on stderr."""
