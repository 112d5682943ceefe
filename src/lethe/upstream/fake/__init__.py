"""A scripted upstream: it records every request and answers each by a script.

For tests and for `lethe verify`. It keeps what it received in memory, on purpose, so that what reached an
upstream can be looked at; no production path starts it.
"""

from lethe.upstream.fake.script import Answer, Close, Cut, Hang, Head, Recorded, Script, Send, Step, Until, Wait
from lethe.upstream.fake.server import Fake
from lethe.upstream.fake.thread import FakeThread

__all__ = [
    "Answer",
    "Close",
    "Cut",
    "Fake",
    "FakeThread",
    "Hang",
    "Head",
    "Recorded",
    "Script",
    "Send",
    "Step",
    "Until",
    "Wait",
]
