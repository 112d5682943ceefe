"""Filters as instructions, run by an interpreter of the few that there are."""

import struct

import pytest
from tests.sandbox.lockin.machine import verdict

from lethe.sandbox.lockin.bpf import ALLOW, KILL, REFUSE, UNHEARD_OF, Condition, Filter, assembled, program

ARCH = 0xC000003E
RULES = Filter(
    arch=ARCH,
    hot=(0, 1),
    conditional={
        41: (Condition(0, (2, 10)), Condition(1, (1, 2), mask=0xF)),
        302: (Condition(2, (0,)), Condition(2, (0,), upper=True)),
    },
    allowed=(3,),
    unheard_of=(435,),
    newest=449,
)
HIGH = 1 << 32
CASES = [
    (0, (), ALLOW),
    (1, (9, 9, 9), ALLOW),
    (3, (), ALLOW),
    (2, (), REFUSE),
    (449, (), REFUSE),
    (450, (), UNHEARD_OF),
    (435, (), UNHEARD_OF),
    (0x40000000, (), UNHEARD_OF),  # x32's read
    (0x40000001, (), UNHEARD_OF),
    (41, (2, 1), ALLOW),
    (41, (10, 2 | 0o2000000), ALLOW),
    (41, (2, 3), REFUSE),
    (41, (1, 1), REFUSE),
    (41, (2 | HIGH, 1), ALLOW),  # the kernel takes an int and ignores the rest, and so does the filter
    (302, (0, 7, 0), ALLOW),
    (302, (0, 7, 8), REFUSE),
    (302, (0, 7, HIGH), REFUSE),
]


@pytest.mark.parametrize(("number", "arguments", "expected"), CASES)
def test_decisions(number: int, arguments: tuple[int, ...], expected: int) -> None:
    assert verdict(program(RULES), ARCH, number, arguments) == expected


@pytest.mark.parametrize("number", [0, 3, 41, 435, 1000])
def test_another_architecture_is_the_end(number: int) -> None:
    assert verdict(program(RULES), 0x40000003, number, ()) == KILL


def test_instructions_of_eight_bytes() -> None:
    code = assembled(program(RULES))
    assert len(code) == 8 * len(program(RULES))
    assert struct.unpack_from("<HBBI", code) == (0x20, 0, 0, 4)
