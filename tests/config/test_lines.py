from lethe.config.lines import line_numbers

TEXT = """\
top = 1
[upstreams.anthropic] # a comment
api_key = "x"
contract.kind = "zdr"
[ upstreams . "a.b" ]
'odd key' = 1
[[routes]]
model = "a"
to = [
  "x",
]
[[routes]]
model = "b"
[routes.inner]
x = 1
"""


def test_lines() -> None:
    lines = line_numbers(TEXT)
    assert lines == {
        ("top",): 1,
        ("upstreams", "anthropic"): 2,
        ("upstreams", "anthropic", "api_key"): 3,
        ("upstreams", "anthropic", "contract", "kind"): 4,
        ("upstreams", "a.b"): 5,
        ("upstreams", "a.b", "odd key"): 6,
        ("routes",): 7,
        ("routes", 0): 7,
        ("routes", 0, "model"): 8,
        ("routes", 0, "to"): 9,
        ("routes", 1): 12,
        ("routes", 1, "model"): 13,
        ("routes", 1, "inner"): 14,
        ("routes", 1, "inner", "x"): 15,
    }
