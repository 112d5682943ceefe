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

[upstreams.anthropic-like]
dialect = "anthropic"
base_url = "http://127.0.0.1:1"
api_key = "env:LETHE_VERIFY_FIRST"

[upstreams.openai-like]
dialect = "openai-chat"
base_url = "http://127.0.0.1:1/v1"
api_key = "env:LETHE_VERIFY_SECOND"

[upstreams.responses-like]
dialect = "openai-responses"
base_url = "http://127.0.0.1:1/v1"
api_key = "env:LETHE_VERIFY_THIRD"

[[routes]]
model = "claude-*"
to = ["anthropic-like"]

[[routes]]
model = "gpt-*"
to = ["openai-like"]

[[routes]]
model = "codex-*"
to = ["responses-like"]

[[keys]]
name = "somebody"
key = "env:LETHE_VERIFY_KEY"
"""


def sample(level: Level, today: date) -> Settings:
    """Its upstreams stand on this machine, so that their class is U5 and every level but the A levels takes them."""
    return parse_settings(_TEXT.format(level=level), SOURCE, embedded_available=False, today=today)
