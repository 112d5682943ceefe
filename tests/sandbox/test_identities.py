"""Real processes that serve with a cloud identity: it is renewed under way, and nothing is sent without one."""

import itertools
import json
import os
import signal
import time
from datetime import UTC, datetime
from typing import Any

from tests.e2e.served import route
from tests.sandbox.conftest import Start
from tests.sandbox.rig import BROKER, Daemon, ask, eventually
from tests.server.signatures import signed_properly

from lethe.providers.sigv4 import Keys
from lethe.upstream.fake import FakeThread
from lethe.upstream.fake.replies import document
from lethe.upstream.fake.script import Recorded, Script


class Cloud:
    """A container's endpoint of credentials: other keys each time, which live for `lives` seconds."""

    def __init__(self, fake: FakeThread, lives: float) -> None:
        self.fake, self.lives = fake, lives
        self._count = itertools.count(1)
        fake.answer(self._issue)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.fake.url}/credentials",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _issue(self, _: Recorded) -> Script:
        keys = keys_of(next(self._count))
        ends = datetime.fromtimestamp(time.time() + self.lives, UTC).isoformat()
        issued = {"AccessKeyId": keys.key_id, "SecretAccessKey": keys.secret, "Token": keys.token}
        return document({**issued, "Expiration": ends})


def keys_of(number: int) -> Keys:
    return Keys(key_id=f"ASIA{number}", secret=f"CANARY_secret{number}", token=f"CANARY_token{number}")


def number_of(received: Recorded) -> int:
    """By which keys it is signed."""
    return int((received.header("authorization") or "").partition("Credential=ASIA")[2].partition("/")[0])


def configured(url: str) -> str:
    return f"""
[upstreams.a]
dialect = "anthropic"
base_url = "{url}"
class = "U6"
reason = "a scripted upstream"
api_key = "aws:"
region = "eu-west-1"
{route("*", "a")}"""


def said_nothing(daemon: Daemon) -> bool:
    return "CANARY" not in daemon.said + "".join(daemon.stdout)


def test_keys_are_renewed_while_requests_go_on(start: Start, fake: FakeThread) -> None:
    with FakeThread() as server:
        cloud = Cloud(server, 4.0)
        daemon = start(configured(fake.url), environ=cloud.environ)
        answers: list[int] = []

        def renewed() -> bool:
            answers.append(ask(daemon.url)[0])
            return len({number_of(each) for each in fake.requests}) == 3

        eventually(renewed, "two renewals")
        assert set(answers) == {200}
        assert all(signed_properly(each, keys_of(number_of(each))) for each in fake.requests)
        assert said_nothing(daemon)


def test_another_broker_takes_over(start: Start, fake: FakeThread) -> None:
    with FakeThread() as server:
        cloud = Cloud(server, 3600.0)
        daemon = start(configured(fake.url), environ=cloud.environ)
        assert ask(daemon.url)[0] == 200
        (broker,) = daemon.running(BROKER)
        before = len(server.requests)
        os.kill(broker, signal.SIGKILL)
        assert ask(daemon.url)[0] == 200

        def renewed() -> bool:
            assert ask(daemon.url)[0] == 200
            return number_of(fake.requests[-1]) > number_of(fake.requests[0])

        eventually(renewed, "keys of another broker")
        assert len(server.requests) > before
        assert all(signed_properly(each, keys_of(number_of(each))) for each in fake.requests)


def test_keys_that_end_are_used_no_more(start: Start, fake: FakeThread) -> None:
    """Nothing is sent unsigned, and what the cloud says is nobody's business."""
    with FakeThread() as server:
        cloud = Cloud(server, 3.0)
        daemon = start(configured(fake.url), environ=cloud.environ)
        assert ask(daemon.url)[0] == 200
        server.answer(document({"message": "CANARY_x"}, 500))
        answer: list[Any] = []

        def ended() -> bool:
            answer[:] = ask(daemon.url)
            return bool(answer[0] != 200)

        eventually(ended, "the end of the keys")
        sent = len(fake.requests)
        assert answer[0] == 503
        assert "no valid credential" in json.loads(answer[1])["error"]["message"]
        assert (ask(daemon.url)[0], len(fake.requests)) == (503, sent)
        assert all(signed_properly(each, keys_of(number_of(each))) for each in fake.requests)
        Cloud(server, 3600.0)
        eventually(lambda: ask(daemon.url)[0] == 200, "keys once more")
        assert said_nothing(daemon)


def test_a_start_without_the_identity_fails(start: Start, fake: FakeThread) -> None:
    daemon = start(configured(fake.url), environ={"AWS_EC2_METADATA_DISABLED": "true"})
    assert daemon.exit_code() == 1
    assert "a secret cannot be had (aws:: no AWS credentials are found here)" in daemon.said
