"""Signatures: AWS's published examples, and whatever botocore signs, signed alike."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from lethe.providers.sigv4 import Header, Keys, sign

EXAMPLE = Keys(key_id="AKIDEXAMPLE", secret="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
SESSION = Keys(key_id="ASIAX", secret="s/e+c", token="t/o+k=", expires=1.0)
MODELS = (
    "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5",
    "m~o_d-e.l",
    "mödel name",
    "%2F",
    "..",
)


def signature(headers: list[Header]) -> str:
    return dict(headers)[b"authorization"].decode().rpartition("Signature=")[2]


def test_the_example_of_the_user_guide() -> None:
    """IAM user guide, "Create a signed AWS API request": the GET of ListUsers."""
    added = sign(
        EXAMPLE,
        region="us-east-1",
        service="iam",
        method=b"GET",
        authority=b"iam.amazonaws.com",
        path=b"/?Action=ListUsers&Version=2010-05-08",
        headers=[(b"content-type", b"application/x-www-form-urlencoded; charset=utf-8")],
        body=b"",
        at=AT.timestamp(),
    )
    assert signature(added) == "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    assert dict(added)[b"authorization"].startswith(
        b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        b"SignedHeaders=content-type;host;x-amz-date, Signature="
    )


def test_the_example_of_the_test_suite() -> None:
    """AWS's signature test suite, get-vanilla."""
    added = sign(
        EXAMPLE,
        region="us-east-1",
        service="service",
        method=b"GET",
        authority=b"example.amazonaws.com",
        path=b"/",
        headers=[],
        body=b"",
        at=AT.timestamp(),
    )
    assert signature(added) == "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"


def judge(monkeypatch: pytest.MonkeyPatch, keys: Keys, path: str, headers: list[Header], body: bytes) -> None:
    """botocore signs what it is shown in full: show it what is ours to sign."""
    monkeypatch.setattr(auth, "get_current_datetime", lambda: AT.replace(tzinfo=None))
    shown = {n.decode(): v.decode("latin-1") for n, v in headers if n == b"content-type" or n.startswith(b"x-amz")}
    request = AWSRequest("POST", "https://bedrock-runtime.eu-west-1.amazonaws.com" + path, headers=shown, data=body)
    auth.SigV4Auth(Credentials(keys.key_id, keys.secret, keys.token), "bedrock", "eu-west-1").add_auth(request)
    added = sign(
        keys,
        region="eu-west-1",
        service="bedrock",
        method=b"POST",
        authority=b"bedrock-runtime.eu-west-1.amazonaws.com",
        path=path.encode(),
        headers=headers,
        body=body,
        at=AT.timestamp(),
    )
    theirs = {name.lower(): str(value) for name, value in request.headers.items() if name not in shown}
    assert {name.decode(): value.decode() for name, value in added} == theirs


PATHS = [
    *(f"/model/{quote(model, safe='')}/{action}" for model in MODELS for action in ("converse", "invoke")),
    "/model/m/converse?b=2&a=1&a=0&empty&none=",
    "/model/m/invoke?a=x%20y&A=1",
    "/",
    "//double//slash/",
    "/prefix/./a/../model/m/",
]


@pytest.mark.parametrize("keys", [EXAMPLE, SESSION])
@pytest.mark.parametrize("path", PATHS)
def test_botocore_signs_alike(path: str, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"accept", b"application/vnd.amazon.eventstream"),
        (b"user-agent", b"lethe/0"),
        (b"x-amzn-bedrock-trace", b"  DISABLED   now "),
    ]
    judge(monkeypatch, keys, path, headers, b'{"messages":[]}')


@given(
    model=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    query=st.dictionaries(st.text("abAB09-_.~ %/:", min_size=1, max_size=5), st.text(max_size=5), max_size=4),
    value=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20),
    body=st.binary(max_size=200),
)
def test_whatever_the_request(model: str, query: dict[str, str], value: str, body: bytes) -> None:
    pairs = "&".join(f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in query.items())
    path = f"/model/{quote(model, safe='')}/converse" + ("?" + pairs if pairs else "")
    with pytest.MonkeyPatch.context() as patched:
        judge(patched, SESSION, path, [(b"content-type", b"application/json"), (b"x-amz-x", value.encode())], body)


def test_several_lines_of_a_header_are_one_value(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [(b"x-amz-a", b"1"), (b"x-amz-a", b"2")]
    assert sign_with(given) == sign_with([(b"x-amz-a", b"1,2")])
    assert sign_with(given) != sign_with([(b"x-amz-a", b"2,1")])


def sign_with(headers: list[Header]) -> str:
    return signature(
        sign(
            EXAMPLE,
            region="r",
            service="s",
            method=b"GET",
            authority=b"h",
            path=b"/",
            headers=headers,
            body=b"",
            at=AT.timestamp(),
        )
    )


def test_keys_are_in_no_repr() -> None:
    assert repr(SESSION) == "<Keys>"
    assert SESSION.secret not in f"{[SESSION]} {SESSION!s}"
