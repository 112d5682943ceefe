import pytest

from lethe.config.problems import MAX_PROBLEMS, ConfigPath, Findings, dotted, nearest

PATHS: list[tuple[ConfigPath, str]] = [
    ((), ""),
    (("routes", 0, "to", 1), "routes[0].to[1]"),
    (("upstreams", "a.b", "x"), 'upstreams."a.b".x'),
    (("\x1b[31m",), '"\\u001b[31m"'),
    (("k" * 500,), '"kkkkkkkkkkkk..."'),
]


@pytest.mark.parametrize(("path", "text"), PATHS)
def test_paths(path: ConfigPath, text: str) -> None:
    assert dotted(path) == text


def test_the_nearest_name() -> None:
    assert nearest("API_KEY", ["api_key", "auth"]) == "did you mean api_key?"
    assert nearest("zzz", ["api_key"]) is None


def test_one_problem_a_path_and_not_too_many() -> None:
    found = Findings()
    found.excuse(("a",))
    for n in range(2 * MAX_PROBLEMS):
        for text in ("first", "second"):
            found.problem(("routes", n), text)
            found.problem(("a",), text)
    problems = found.problems({("routes",): 7})
    assert len(problems) == MAX_PROBLEMS
    assert {(problem.problem, problem.line) for problem in problems} == {("first", 7)}
