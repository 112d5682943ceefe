"""What a scripted upstream received, judged by botocore: is it signed with these keys?"""

from datetime import datetime

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lethe.providers.sigv4 import Keys
from lethe.upstream.fake.script import Recorded

REGION = "eu-west-1"
KEYS = Keys(key_id="ASIAONE", secret="secret/one", token="token/one")


def signed_properly(received: Recorded, keys: Keys) -> bool:
    """As AWS checks it: sign what has arrived with the keys of its owner, and compare."""
    given = dict(received.headers)
    named = given["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    at = datetime.strptime(given["x-amz-date"] + "+0000", "%Y%m%dT%H%M%SZ%z").replace(tzinfo=None)
    shown = {name: given[name] for name in named if not name.startswith("x-amz-") and name != "host"}
    request = AWSRequest(
        received.method, f"https://{given['host']}{received.target}", headers=shown, data=received.body
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(auth, "get_current_datetime", lambda: at)
        auth.SigV4Auth(Credentials(keys.key_id, keys.secret, keys.token), "bedrock", REGION).add_auth(request)
    expected = {name.lower(): str(value) for name, value in request.headers.items()}
    return {name: given.get(name) for name in expected} == expected
