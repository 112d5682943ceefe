"""Anthropic Messages (API version 2026-10-21)."""

from lethe.dialects.anthropic.decoder import StreamDecoder, join_deltas
from lethe.dialects.anthropic.encoder import KEEP_ALIVE, StreamEncoder
from lethe.dialects.anthropic.errors import ERROR_STATUS, decode_error, encode_error, encode_error_event
from lethe.dialects.anthropic.places import locator
from lethe.dialects.anthropic.request import decode_request, encode_request
from lethe.dialects.anthropic.response import decode_response, encode_response
from lethe.dialects.anthropic.usage import buffered_usage, streamed_usage

stream_decoder = StreamDecoder
stream_encoder = StreamEncoder

__all__ = [
    "ERROR_STATUS",
    "KEEP_ALIVE",
    "StreamDecoder",
    "StreamEncoder",
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
