"""The last `lethe verify`, as far as the posture tells of it: which file, when, with what outcome, whose signature."""

import hashlib
import re
from collections.abc import Callable, Mapping

from msgspec import Struct

from lethe.evidence import moments
from lethe.evidence.canonical import Uncanonical, parsed
from lethe.evidence.signing import PayloadType, Verdict, verify

LARGEST = 4 * 1024 * 1024  # bytes of a report that is read
OUTCOMES: tuple[str, ...] = ("pass", "fail", "inconclusive")
FORMS: tuple[str, ...] = ("quick", "full", "live")
MOST = 16  # configurations of one report
_SALT = re.compile(r"[0-9a-f]{32}\Z")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,31}\Z")


class Verification(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Null where the report does not say it in the form that is known here, or its signature is bad.

    `signature` is judged by the key that signs the posture: trusted is a report signed by the same.
    """

    sha256: str  # of the file
    signature: Verdict
    outcome: str | None = None
    form: str | None = None
    finished: str | None = None
    version: str | None = None  # of Lethe
    this_configuration: bool | None = None  # was it the configuration of this posture that was verified?


def summarised(report: bytes, trusted: bytes | None, digest_of: Callable[[bytes], bytes]) -> Verification:
    """Nothing of the file is passed on but what has one of a few forms.

    `digest_of` a salt is the digest of the configuration that the posture is about.
    """
    digest = hashlib.sha256(report).hexdigest()
    try:
        signed = parsed(report)
    except Uncanonical:
        return Verification(sha256=digest, signature=Verdict.BAD)
    verdict = verify(signed, PayloadType.VERIFICATION, trusted)
    if verdict is Verdict.BAD:
        return Verification(sha256=digest, signature=verdict)
    return Verification(
        sha256=digest,
        signature=verdict,
        outcome=_one_of(OUTCOMES, signed.get("outcome")),
        form=_one_of(FORMS, signed.get("form")),
        finished=_moment(signed.get("finished")),
        version=_like(_VERSION, signed.get("version")),
        this_configuration=_about(signed.get("configurations"), digest_of),
    )


def _one_of(known: tuple[str, ...], value: object) -> str | None:
    return value if isinstance(value, str) and value in known else None


def _about(configurations: object, digest_of: Callable[[bytes], bytes]) -> bool | None:
    """Is one of them the one? None where the report does not say what it verified."""
    if not isinstance(configurations, list) or len(configurations) > MOST:
        return None
    told = [(each.get("salt"), each.get("sha256")) for each in configurations if isinstance(each, Mapping)]
    known = [(salt, digest) for salt, digest in told if isinstance(salt, str) and _SALT.match(salt)]
    return any(digest_of(bytes.fromhex(salt)).hex() == digest for salt, digest in known) if known else None


def _moment(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        moments.read(value)
    except ValueError:
        return None
    return value


def _like(form: "re.Pattern[str]", value: object) -> str | None:
    return value if isinstance(value, str) and form.match(value) else None
