"""Runs seccomp's BPF on the data of one call, as linux/net/core/filter.c would."""

import struct
from collections.abc import Sequence

from lethe.sandbox.lockin.bpf import Instruction


def verdict(code: Sequence[Instruction], arch: int, number: int, arguments: Sequence[int]) -> int:
    """What the filter returns."""
    words = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<IIQ6Q", number, arch, 0, *words)
    at, value = 0, 0
    while True:
        operation, if_true, if_false, constant = code[at]
        at += 1
        match operation:
            case 0x20:
                (value,) = struct.unpack_from("<I", data, constant)
            case 0x54:
                value &= constant
            case 0x15:
                at += if_true if value == constant else if_false
            case 0x35:
                at += if_true if value >= constant else if_false
            case 0x06:
                return constant
            case _:
                raise AssertionError(operation)
