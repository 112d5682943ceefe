"""The supervisor's end of a channel."""

from collections.abc import Callable
from socket import socket
from typing import Generic, TypeVar

from lethe.sandbox.channel import READ_SIZE, ChannelBroken, Inbox, Message, Outbox, frame
from lethe.sandbox.reactor import READ, WRITE, Reactor

M = TypeVar("M", bound=Message)


class Peer(Generic[M]):
    """`heard` gets each message; `broken` is called once if the other side breaks the rules."""

    def __init__(
        self,
        reactor: Reactor,
        channel: socket,
        inbox: Inbox[M],
        heard: Callable[[M], None],
        broken: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._channel = channel
        self._inbox = inbox
        self._heard = heard
        self._broken = broken
        self._outbox = Outbox()
        self._open = True
        channel.settimeout(0.0)
        reactor.watch(channel.fileno(), READ, self._ready)

    def say(self, message: Message) -> None:
        """Send; nothing happens when the other side is gone, which its exit will tell."""
        if not self._open:
            return
        try:
            self._outbox.put(frame(message))
            self._outbox.send(self._channel)
        except ChannelBroken:
            self._break()
            return
        except OSError:
            return
        self._interest()

    def finish(self) -> None:
        """Hear what is still in the channel of a process that has ended, and close it."""
        while self._open and self._read():
            pass
        self._close()

    def _ready(self, events: int) -> None:
        if events & WRITE:
            try:
                self._outbox.send(self._channel)
            except OSError:
                self._close()
                return
            self._interest()
        if events & READ and self._read() == b"" and self._open:
            self._reactor.forget(self._channel.fileno())

    def _read(self) -> bytes | None:
        """One read, heard; b"" at the end, None when there is nothing now."""
        try:
            data = self._channel.recv(READ_SIZE)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        try:
            for message in self._inbox.feed(data):
                self._heard(message)
        except (ChannelBroken, ValueError):
            self._break()
        return data

    def _interest(self) -> None:
        if self._open:
            self._reactor.watch(self._channel.fileno(), READ | WRITE if self._outbox else READ, self._ready)

    def _break(self) -> None:
        self._close()
        self._broken()

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._reactor.forget(self._channel.fileno())
            self._channel.close()
