"""Bedrock Converse (bedrock-runtime 2023-09-30), of which the upstream's side: nobody asks in it."""

from lethe.dialects.converse.errors import decode_error
from lethe.dialects.converse.request import encode_request
from lethe.dialects.converse.response import decode_response
from lethe.dialects.converse.stream_decoder import StreamDecoder
from lethe.dialects.converse.usage import buffered_usage, streamed_usage
from lethe.ir.grammar import appended

join_deltas = appended
stream_decoder = StreamDecoder

__all__ = [
    "buffered_usage",
    "decode_error",
    "decode_response",
    "encode_request",
    "join_deltas",
    "stream_decoder",
    "streamed_usage",
]
