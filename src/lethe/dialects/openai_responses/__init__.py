"""OpenAI Responses, used without state."""

from lethe.dialects.openai_responses.errors import decode_error, encode_error, encode_error_event
from lethe.dialects.openai_responses.places import locator
from lethe.dialects.openai_responses.request import decode_request, encode_request
from lethe.dialects.openai_responses.response import decode_response, encode_response
from lethe.dialects.openai_responses.stream_decoder import StreamDecoder
from lethe.dialects.openai_responses.stream_encoder import KEEP_ALIVE, StreamEncoder
from lethe.dialects.openai_responses.usage import buffered_usage, streamed_usage
from lethe.ir.grammar import appended

join_deltas = appended
stream_decoder = StreamDecoder
stream_encoder = StreamEncoder

__all__ = [
    "KEEP_ALIVE",
    "buffered_usage",
    "decode_error",
    "decode_request",
    "decode_response",
    "encode_error",
    "encode_error_event",
    "encode_request",
    "encode_response",
    "join_deltas",
    "locator",
    "stream_decoder",
    "stream_encoder",
    "streamed_usage",
]
