"""Bytes to frames and fields, and back; no I/O."""
