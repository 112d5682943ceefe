"""OpenAI Chat Completions."""

from lethe.dialects.openai_chat.errors import decode_error, encode_error, encode_error_event
from lethe.dialects.openai_chat.places import locator
from lethe.dialects.openai_chat.request import decode_request, encode_request
from lethe.dialects.openai_chat.response import decode_response, encode_response
from lethe.dialects.openai_chat.stream_decoder import StreamDecoder
from lethe.dialects.openai_chat.stream_encoder import KEEP_ALIVE, StreamEncoder
from lethe.dialects.openai_chat.usage import buffered_usage, streamed_usage
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
