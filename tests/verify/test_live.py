"""A running instance, seen from outside."""

import os
import socket
import threading
import time
from contextlib import suppress

import pytest
from tests.verify import ground
from tests.verify.ground import far

from lethe.verify import live
from lethe.verify.remote import Reply
from lethe.verify.report import FAIL, INCONCLUSIVE


def test_what_costs_nothing_reaches_no_upstream_whatever_names_it_takes() -> None:
    with far(ground.settings()) as (instance, upstreams):  # whose last route takes every model
        report = live.look(instance.url, None, None, os.urandom, time.time)
        hits = upstreams.take()
    assert (report["outcome"], report["faults"], report["hits"]) == (INCONCLUSIVE, [], 0)
    assert report["requests"] == 8
    assert hits == ()


@pytest.mark.parametrize(
    "said",
    [
        (),
        (("x-lethe-level", "words"),),
        (("x-lethe-level", "C"), ("x-lethe-request-id", "words")),
        (("x-lethe-request-id", "words"), ("x-lethe-request-id", "0" * 32)),
    ],
)
def test_a_response_without_what_each_promises_is_told(said: tuple[tuple[str, str], ...]) -> None:
    ask = live.Ask("/v1/messages", b"{}", ())
    faults = live.broken(ask, Reply(400, said, b'{"type":"error"}'))
    assert any("x-lethe-request-id" in fault for fault in faults)
    assert any("no-store" in fault for fault in faults)


def test_where_nobody_answers_nothing_is_proven() -> None:
    report = live.look("http://127.0.0.1:1", None, None, os.urandom, time.time)
    assert (report["outcome"], report["requests"]) == (FAIL, 0)


def test_who_does_not_answer_is_asked_once() -> None:
    """Each request may be waited for, and there are dozens."""
    asked: list[socket.socket] = []

    def hang_up() -> None:
        with suppress(OSError):
            while True:
                asked.append(listener.accept()[0])
                asked[-1].close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=hang_up)
        thread.start()
        report = live.look(f"http://127.0.0.1:{listener.getsockname()[1]}", None, None, os.urandom, time.time)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
    assert (report["outcome"], report["requests"], len(asked)) == (FAIL, 0, 1)
