"""What is verified where nobody has a configuration: every pair of dialects, at level B and at level C."""

from datetime import date

from lethe.config.load import parse_settings
from lethe.config.settings import Settings
from lethe.retention.levels import Level

SOURCE = "the built-in configuration"
LEVELS: tuple[Level, ...] = (Level.B, Level.C)
_TEXT = """
[retention]
level = "{level}"
accept_classes = {accepted}

[upstreams.anthropic-like]
dialect = "anthropic"
base_url = "https://127.0.0.1:1"
api_key = "env:LETHE_VERIFY_FIRST"

[upstreams.openai-like]
dialect = "openai-chat"
base_url = "http://127.0.0.1:1/v1"
api_key = "env:LETHE_VERIFY_SECOND"

[upstreams.responses-like]
dialect = "openai-responses"
base_url = "http://127.0.0.1:1/v1"
api_key = "env:LETHE_VERIFY_THIRD"

[upstreams.gemini-like]
dialect = "gemini"
base_url = "https://127.0.0.1:1"
api_key = "env:LETHE_VERIFY_FOURTH"

[upstreams.converse-like]
provider = "bedrock"
dialect = "converse"
base_url = "http://127.0.0.1:1"
auth = "aws"
region = "eu-west-1"

[[routes]]
model = "claude-*"
to = ["anthropic-like"]

[[routes]]
model = "gpt-*"
to = ["openai-like"]

[[routes]]
model = "codex-*"
to = ["responses-like"]

[[routes]]
model = "gemini-*"
to = ["gemini-like"]

[[routes]]
model = "anthropic.*"
to = ["converse-like"]

[[keys]]
name = "somebody"
key = "env:LETHE_VERIFY_KEY"
"""


def sample(level: Level, today: date) -> Settings:
    """Its upstreams stand on this machine, so that every level but the A levels takes them."""
    accepted = '["U6"]' if level is Level.B else "[]"  # what Bedrock is without a proof of its mode
    text = _TEXT.format(level=level, accepted=accepted)
    return parse_settings(text, SOURCE, embedded_available=False, today=today)
