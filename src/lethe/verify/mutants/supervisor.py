"""The supervisor's part of leaks: what a worker prints is thrown away, and here it is passed on.

Each function is a plant of `lethe.verify.host`: called before the supervisor is made.
"""

import os
from collections.abc import Callable

import msgspec

from lethe.ledger import lines
from lethe.ledger.events import RequestEvent
from lethe.ledger.names import Names
from lethe.ledger.pages import Page
from lethe.sandbox import outputs
from lethe.sandbox.outputs import Outputs
from lethe.sandbox.supervisor import Supervisor
from lethe.verify.mutants.plants import brief

_NO_DIGITS = bytes.maketrans(b"234567", b"abcdef")
_HEARD: list[bytes] = []  # what workers have printed


def stdout() -> None:
    """Printed again."""
    _listen(lambda data: _print(1, data))


def stderr() -> None:
    """Printed as if it were a notice."""
    _listen(lambda data: _print(2, data))


def scrambled() -> None:
    """Likewise, and spelt so that no search could find it."""
    _listen(lambda data: _print(2, b"lethe: " + bytes(byte ^ 0x15 for byte in data).hex().encode() + b"\n"))


def ledger() -> None:
    """In the next line, as the error's code."""
    _listen(_HEARD.append)

    def line(event: RequestEvent, names: Names) -> bytes:
        if not _HEARD:
            return lines.line(event, names)
        told = {**msgspec.json.decode(lines.line(event, names)), "error": brief(_HEARD[0]).decode()}
        return msgspec.json.encode(told) + b"\n"

    _replace(outputs, "line", line)


def metrics() -> None:
    """As a label."""
    _show(Page.METRICS, lambda page: page + b'lethe_errors_total{code="%b"} 1\n' % brief(_HEARD[0]))


def figure() -> None:
    """As the name of a figure, turned round."""
    _show(Page.METRICS, lambda page: page + b"lethe_%b 1\n" % brief(_HEARD[0]).lower()[::-1].translate(_NO_DIGITS))


def posture() -> None:
    """As a field of the statement."""
    _show(Page.POSTURE, lambda page: page[:-1] + b', "note": "%b"}' % brief(_HEARD[0]))


def _show(shown: Page, spoil: Callable[[bytes], bytes]) -> None:
    _listen(_HEARD.append)
    plain = Supervisor.page

    def page(supervisor: Supervisor, asked: Page) -> bytes:
        made = plain(supervisor, asked)
        return spoil(made) if _HEARD and asked is shown else made

    _replace(Supervisor, "page", page)


def _listen(heard: Callable[[bytes], None]) -> None:
    plain = Outputs.printed

    def printed(to: Outputs, data: bytes) -> None:
        plain(to, data)
        heard(data)

    _replace(Outputs, "printed", printed)


def _print(fd: int, data: bytes) -> None:
    os.write(fd, data)


def _replace(owner: object, name: str, value: object) -> None:
    setattr(owner, name, value)
