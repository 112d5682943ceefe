"""What an instance answers, all of it."""

import pytest

from lethe.upstream.fake import FakeThread, Head, Send
from lethe.verify import remote
from lethe.verify.remote import asked


def test_repeated_headers_are_all_there() -> None:
    head = Head(201, (("X-Said", "one"), ("content-length", "4"), ("x-said", "two")))
    with FakeThread() as fake:
        fake.answer((head, Send(b"body")), (head, Send(b"body")))
        reply = asked(fake.url, "/page", {"x-api-key": "k"})
        assert asked(fake.url, "/page", {}, b"words") == reply
        question, statement = fake.requests
    assert (reply.status, reply.said("x-said"), reply.said("x-other"), reply.body) == (201, "one, two", "", b"body")
    assert reply.whole == b"X-Said: one\ncontent-length: 4\nx-said: two\n\nbody"
    assert (question.method, question.target, question.header("x-api-key")) == ("GET", "/page", "k")
    assert (statement.method, statement.body) == ("POST", b"words")


def test_an_answer_that_is_too_large_to_be_looked_at_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "LARGEST", 4)
    with FakeThread() as fake:
        fake.answer((Head(), Send(b"four")), (Head(), Send(b"fiver")))
        assert asked(fake.url, "/", {}).body == b"four"
        with pytest.raises(ConnectionError):
            asked(fake.url, "/", {})


def test_what_speaks_no_http_does_not_answer() -> None:
    with FakeThread() as fake:
        fake.answer((Send(b"words and nothing else\r\n\r\n"),))
        with pytest.raises(OSError, match="does not speak HTTP"):
            asked(fake.url, "/", {})
