"""The calls into the C library that locking in needs. No other module here uses ctypes."""

import ctypes
import errno
import os
import struct

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long
_RESET, _NESTED = 0x80000000, 0x40000000  # SA_RESETHAND, SA_NODEFER
UNKNOWN = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})  # how kernels say that they do not have something


def syscall(number: int, *arguments: int | bytes | None) -> int:
    """A system call by its number; bytes are passed by address. Raises OSError."""
    ctypes.set_errno(0)
    result: int = _LIBC.syscall(ctypes.c_long(number), *map(_word, arguments))
    return _checked(result)


def prctl(option: int, *arguments: int) -> int:
    """Raises OSError."""
    ctypes.set_errno(0)
    words = (*arguments, 0, 0, 0, 0)[:4]
    return _checked(_LIBC.prctl(ctypes.c_int(option), *(ctypes.c_ulong(word) for word in words)))


def mlockall(flags: int) -> int:
    """Raises OSError."""
    ctypes.set_errno(0)
    return _checked(_LIBC.mlockall(ctypes.c_int(flags)))


def raise_on(signal: int) -> None:
    """Let the process answer a signal by sending it to itself again, by the default now. Raises OSError.

    The C library's own `raise` is the handler: it is given the number, and the handler is reset before it runs.
    """
    handler = ctypes.cast(_LIBC["raise"], ctypes.c_void_p).value or 0
    action = struct.pack("@P128xIxxxxP", handler, _RESET | _NESTED, 0)  # `struct sigaction` of glibc and musl
    ctypes.set_errno(0)
    _checked(_LIBC.sigaction(ctypes.c_int(signal), action, None))


def address(data: bytes) -> int:
    """Where `data` is in memory, as long as it is referred to."""
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0


def _word(argument: int | bytes | None) -> ctypes.c_long | ctypes.c_char_p:
    return ctypes.c_long(argument) if isinstance(argument, int) else ctypes.c_char_p(argument)


def _checked(result: int) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
