"""Seccomp filters as data, and their classic BPF. Pure; little-endian, as x86_64 and aarch64 are run."""

import errno
import struct
from collections.abc import Mapping, Sequence

from msgspec import Struct

ALLOW = 0x7FFF0000
KILL = 0x80000000  # the process
REFUSE = 0x00050000 | errno.EPERM
UNHEARD_OF = 0x00050000 | errno.ENOSYS  # callers fall back to an older call
ALL = 0xFFFFFFFF

# linux/bpf_common.h and linux/seccomp.h
_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
_INSTRUCTION = struct.Struct("<HBBI")
Instruction = tuple[int, int, int, int]


class Condition(Struct, frozen=True):
    """Argument number `argument`, masked, is one of `values`: its lower 32 bits, or with `upper` the others."""

    argument: int
    values: tuple[int, ...]
    mask: int = ALL
    upper: bool = False


class Filter(Struct, frozen=True, kw_only=True):
    """System calls by number. What is not named is refused, what is newer than `newest` is unheard of.

    `hot` are asked first, then `conditional`, then `allowed`. Kernels since 5.11 remember what is always allowed and
    do not ask the program at all; older ones run it from the top.
    """

    arch: int  # AUDIT_ARCH_*
    hot: tuple[int, ...]
    conditional: Mapping[int, tuple[Condition, ...]]
    allowed: tuple[int, ...]
    unheard_of: tuple[int, ...]
    newest: int


def program(rules: Filter) -> list[Instruction]:
    """The filter's instructions: (code, jump if true, jump if false, constant)."""
    out: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, rules.arch),
        (_RETURN, 0, 0, KILL),  # a 32-bit call in a 64-bit process: numbers mean something else there
        (_LOAD, 0, 0, _NUMBER),
    ]
    for number in rules.hot:
        out += _when(number, [(_RETURN, 0, 0, ALLOW)])
    for number, conditions in rules.conditional.items():
        out += _when(number, _all_hold(conditions))
    for number in rules.allowed:
        out += _when(number, [(_RETURN, 0, 0, ALLOW)])
    for number in rules.unheard_of:
        out += _when(number, [(_RETURN, 0, 0, UNHEARD_OF)])
    out.append((_AT_LEAST, 0, 1, rules.newest + 1))
    out.append((_RETURN, 0, 0, UNHEARD_OF))
    out.append((_RETURN, 0, 0, REFUSE))
    return out


def assembled(instructions: Sequence[Instruction]) -> bytes:
    """An array of `struct sock_filter`."""
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in instructions)


def _when(number: int, then: list[Instruction]) -> list[Instruction]:
    return [(_EQUAL, 0, len(then), number), *then]


def _all_hold(conditions: Sequence[Condition]) -> list[Instruction]:
    """Ends in a decision."""
    out: list[Instruction] = []
    for condition in conditions:
        out.append((_LOAD, 0, 0, _ARGUMENTS + 8 * condition.argument + 4 * condition.upper))
        if condition.mask != ALL:
            out.append((_AND, 0, 0, condition.mask))
        left = len(condition.values)
        out += [(_EQUAL, left - n, 0, value) for n, value in enumerate(condition.values)]
        out.append((_RETURN, 0, 0, REFUSE))
    out.append((_RETURN, 0, 0, ALLOW))
    return out
