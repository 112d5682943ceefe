"""Locking in fails closed; what the kernel says is tried."""

import threading

import pytest

from lethe.retention.enforcement import State
from lethe.sandbox.lockin import lock
from lethe.sandbox.lockin.confines import Confines


def test_never_beside_other_threads() -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        with pytest.raises(lock.LockInFailed):
            lock.lock_in(Confines(frozenset()))
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("said", "still_can", "state"),
    [
        (State.ENFORCED, False, State.ENFORCED),
        (State.ENFORCED, True, State.REFUSED),
        (State.ABSENT, True, State.ABSENT),
        (State.REFUSED, False, State.REFUSED),
    ],
)
def test_a_kernel_that_says_yes_is_tried(said: State, still_can: bool, state: State) -> None:
    assert lock._proven(said, lambda: still_can) is state


def test_what_this_process_can_still_do() -> None:
    assert lock._opens_for_writing()
    assert lock._connects_elsewhere({1, 2})
    assert lock._takes_memory_file()
