"""Frames: any chunking gives the same messages, each direction knows its own, and nothing grows without end."""

import socket
import struct
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sandbox import messages

from lethe.sandbox import channel
from lethe.sandbox.channel import (
    BREAK_ABOVE,
    DROP_ABOVE,
    FRAME_LIMIT,
    FROM_BROKER,
    FROM_WORKER,
    TO_BROKER,
    TO_WORKER,
    ChannelBroken,
    Events,
    Inbox,
    Message,
    Outbox,
    frame,
)

DIRECTIONS: dict[str, tuple[dict[int, Any], list[Any]]] = {
    "from a worker": (FROM_WORKER, messages.FROM_WORKER),
    "to a worker": (TO_WORKER, messages.TO_WORKER),
    "to the broker": (TO_BROKER, messages.TO_BROKER),
    "from the broker": (FROM_BROKER, messages.FROM_BROKER),
}
directions = pytest.mark.parametrize(("kinds", "said"), DIRECTIONS.values(), ids=DIRECTIONS)


@directions
def test_every_kind_is_among_the_examples(kinds: dict[int, Any], said: list[Any]) -> None:
    assert {type(message) for message in said} == set(kinds.values())


@directions
@settings(max_examples=50)
@given(data=st.data())
def test_chunking_never_changes_messages(kinds: dict[int, Any], said: list[Any], data: st.DataObject) -> None:
    stream = b"".join(map(frame, said))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    inbox: Inbox[Message] = Inbox(kinds)
    heard = [message for a, b in pairwise([0, *cuts, len(stream)]) for message in inbox.feed(stream[a:b])]
    assert heard == said


@directions
def test_byte_by_byte(kinds: dict[int, Any], said: list[Any]) -> None:
    inbox: Inbox[Message] = Inbox(kinds)
    stream = b"".join(frame(message) for message in said if len(frame(message)) < 1000)
    heard = [message for at in range(len(stream)) for message in inbox.feed(stream[at : at + 1])]
    assert heard == [message for message in said if len(frame(message)) < 1000]


@directions
def test_other_directions_are_not_understood(kinds: dict[int, Any], said: list[Any]) -> None:
    for message in messages.ALL:
        if message not in said:
            with pytest.raises(ChannelBroken, match="unknown kind"):
                list(Inbox(kinds).feed(frame(message)))


def test_kinds_are_numbered_once_and_for_all() -> None:
    numbers = {
        kind: each.__name__
        for table in (FROM_WORKER, TO_WORKER, TO_BROKER, FROM_BROKER)
        for kind, each in table.items()
    }
    assert numbers == {
        1: "Ready", 2: "Events", 3: "Counters", 4: "PageWanted", 5: "Fault", 6: "Drained", 7: "Dropped",
        8: "LockedIn", 9: "Unproven",
        32: "Configure", 33: "Credentials", 34: "PageIs", 35: "Drain", 36: "Findings",
        64: "Resolve", 65: "Probe", 66: "Doubt",
        96: "Resolved", 97: "Rotated", 98: "Found",
    }  # fmt: skip


def test_the_head_is_pinned() -> None:
    assert frame(Events(b"ab")) == b"\x02" + b"\x02\0\0\0" + b"ab"


def framed(kind: int, payload: bytes) -> bytes:
    return struct.pack("<BI", kind, len(payload)) + payload


BROKEN: dict[str, bytes] = {
    "no such kind": framed(0, b""),
    "a kind of another direction": framed(32, b""),
    "larger than any": struct.pack("<BI", 2, FRAME_LIMIT + 1),
    "no payload": framed(5, b""),
    "not msgpack": framed(5, b"\xc1"),
    "another type": framed(4, b"\xa3abc"),
    "a missing field": framed(5, b"\x81\xa5error\xa1E"),
    "a field of another type": framed(4, b"\x81\xa5token\xa1E"),
    "a negative count": framed(4, b"\x81\xa5token\xff"),
    "something after it": framed(4, b"\x81\xa5token\x01\x01"),
    "nested without end": framed(4, b"\x81\xa1x" + b"\x91" * 100_000),
    "text that is not UTF-8": framed(5, b"\x82\xa5error\xa1\xff\xa8location\xa1a"),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_what_no_message_says_breaks_the_channel(data: bytes) -> None:
    with pytest.raises(ChannelBroken) as caught:
        list(Inbox(FROM_WORKER).feed(data))
    assert caught.value.__cause__ is None
    assert str(caught.value) in {"a frame of an unknown kind or size", "a payload that does not fit its kind"}


@given(st.binary(max_size=200))
def test_any_bytes_are_messages_or_broken(data: bytes) -> None:
    try:
        list(Inbox(FROM_WORKER).feed(data))
    except ChannelBroken:
        return


@pytest.mark.parametrize(
    "message", [each for each in messages.ALL if messages.SECRET.encode() in frame(each)], ids=repr
)
def test_secrets_stay_out_of_a_repr(message: Message) -> None:
    assert messages.SECRET not in repr(message) + str(message)


def test_what_may_be_lost_is_refused_when_too_much_waits() -> None:
    outbox = Outbox()
    piece = frame(Events(bytes(64 * 1024)))
    taken = 0
    while outbox.offer(piece):
        taken += 1
    assert taken == DROP_ABOVE // len(piece)
    outbox.put(piece)  # what must arrive still does
    assert not outbox.offer(b"x" * len(piece))


def test_what_must_arrive_breaks_the_channel_when_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert BREAK_ABOVE > FRAME_LIMIT
    monkeypatch.setattr(channel, "BREAK_ABOVE", 100)
    outbox = Outbox()
    outbox.put(bytes(100))
    with pytest.raises(ChannelBroken, match="does not read"):
        outbox.put(b"x")


def test_a_full_socket_takes_the_rest_later() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0.0)
        outbox = Outbox()
        sent = bytes(range(256)) * 4096
        outbox.put(sent)
        outbox.send(ours)
        assert outbox
        got = b""
        while len(got) < len(sent):
            got += theirs.recv(65536)
            outbox.send(ours)
        assert got == sent
        assert not outbox


def test_a_closed_socket_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        outbox = Outbox()
        outbox.put(b"x")
        with pytest.raises(OSError, match="pipe"):
            outbox.send(ours)
