"""What may be said of an exception: its class and where it was raised, never its text."""

import sys
import threading
from collections.abc import Callable
from pathlib import PurePath
from types import TracebackType

from lethe.sandbox.channel import Fault

_LONGEST = 64  # characters of a class or a file name


def describe(error: BaseException) -> Fault:
    """Class and code location of an exception."""
    return fault_at(type(error), error.__traceback__)


def fault_at(kind: type[BaseException], trace: TracebackType | None) -> Fault:
    """The innermost frame in our own code, or else the innermost one."""
    location = "unknown:0"
    found_ours = False
    while trace is not None:
        path = PurePath(trace.tb_frame.f_code.co_filename)
        ours = "lethe" in path.parts
        if ours or not found_ours:
            location = f"{path.name}:{trace.tb_lineno}"
            found_ours = ours
        trace = trace.tb_next
    return Fault(kind.__name__, location)


def plain(fault: Fault) -> bool:
    """Does it look like a class and a code location? Anything else is not passed on."""
    file, _, number = fault.location.rpartition(":")
    return (
        len(fault.error) <= _LONGEST
        and len(file) <= _LONGEST
        and fault.error.isascii()
        and fault.error.isidentifier()
        and fault.location.isascii()
        and file.replace(".", "").replace("_", "").isalnum()
        and number.isdecimal()
        and len(number) < 8
    )


def report_to(tell: Callable[[Fault], None]) -> None:
    """Send every exception that nobody catches to `tell`, in place of stderr."""

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        del error
        tell(fault_at(kind, trace))

    sys.excepthook = uncaught
    sys.unraisablehook = lambda args: tell(fault_at(args.exc_type, args.exc_traceback))
    threading.excepthook = lambda args: tell(fault_at(args.exc_type, args.exc_traceback))
