"""Questions that are none, or none that may be asked: the caller's faults."""

import gzip

from lethe.verify.asking.wording import Put
from lethe.verify.cases import Case
from lethe.verify.modes import Front, Mode
from lethe.verify.positions import Position
from lethe.verify.questions import WORDINGS, Asked

MAX_BODY = 256 * 1024  # of the throwaway instance, in bytes


def spoilt(asked: Asked, case: Case, put: Put) -> None:  # noqa: C901, PLR0912 - one flat match
    """Make of a good question the one that its mode is named after."""
    data, body = asked.data(), asked.body if asked.body is not None else {}
    raw = put(Position.RAW).encode()
    match case.mode:
        case Mode.BAD_JSON:
            asked.raw = data[:-1] + b', "' + raw
        case Mode.TRUNCATED_GZIP:
            asked.raw = gzip.compress(data)[:-20]
            asked.headers.append(("content-encoding", "gzip"))
        case Mode.INVALID_UTF8:
            asked.raw = data[:-1] + b', "verify_note": "\xff\xfe ' + raw + b'"}'
        case Mode.LONE_SURROGATE:
            asked.raw = data[:-1] + b', "verify_note": "\\ud800 ' + raw + b'"}'
        case Mode.EMPTY:
            asked.headers.append(("x-note", raw.decode()))
        case Mode.OVERSIZE:
            asked.raw = data[:-1] + b', "verify_note": "' + (raw + b" ") * (MAX_BODY // len(raw)) + b'"}'
        case Mode.WRONG_TYPE:
            wrong = "input" if case.front is Front.EMBEDDINGS else WORDINGS[case.caller].TURNS
            body[wrong] = {"note": raw.decode(), "was": body[wrong]}
        case Mode.CLASS_REFUSED:
            asked.headers += [("x-lethe-level", "A1"), ("x-note", raw.decode())]
        case Mode.GUARD_REFUSED:
            WORDINGS[case.caller].forbid(body, raw.decode())
        case Mode.UNKNOWN_MODEL if case.front is Front.MODELS:
            asked.target += f"/{raw.decode()}"
        case Mode.UNKNOWN_MODEL:
            asked.model = f"{raw.decode()}/{raw.decode()}"
        case Mode.UNKNOWN_PATH:
            asked.target = f"/v1/{raw.decode()}"
        case Mode.WRONG_METHOD:
            asked.method = "PUT"
            asked.headers.append(("x-note", raw.decode()))
        case Mode.BAD_HTTP:
            asked.headers.append(("x note", raw.decode()))
        case _:
            raise ValueError(f"{case.mode} is no fault of a caller")
