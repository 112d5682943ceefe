import base64
from collections.abc import Callable

import pytest

from lethe.dialects import anthropic, gemini
from lethe.ir.loss import Losses

PNG = b"\x89PNG\r\n\x1a\n\xfb\xff\xfe"
TEXT = "»¿ÿ>> CANARY_text"


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_data_in_the_alphabet_of_urls_reaches_others_in_the_standard_one(
    encode: Callable[[bytes], bytes], *, padded: bool
) -> None:
    data = [encode(content).decode() for content in (PNG, TEXT.encode())]
    if not padded:
        data = [each.rstrip("=") for each in data]
    parts = [
        {"inlineData": {"mimeType": kind, "data": each}}
        for kind, each in zip(("image/png", "text/plain"), data, strict=True)
    ]
    request = gemini.decode_request({"model": "m", "stream": False, "contents": [{"role": "user", "parts": parts}]})
    image, document = anthropic.encode_request(request, Losses())["messages"][0]["content"]
    assert base64.b64decode(image["source"]["data"], validate=True) == PNG
    assert document["source"]["data"] == TEXT
