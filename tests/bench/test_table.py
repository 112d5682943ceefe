"""The table that a run prints."""

from bench.table import Result, machine, markdown, medians


def test_a_row_a_figure_and_a_column_a_target() -> None:
    table = markdown(
        [
            Result(name="nginx", figures={"small.chat": 19.4, "cold": 0.02}, faults=[]),
            Result(name="lethe", figures={"small.chat": 1234.5, "idle": None}, faults=["one"]),
        ]
    )
    assert table.splitlines() == [
        "| | nginx | lethe |",
        "|---|---:|---:|",
        "| cold start: exec to the first answer, s | 0.02 | - |",
        "| memory, idle, MB | - | - |",
        "| small request, OpenAI Chat, CPU µs | 19 | 1,234 |",
        "| faults | 0 | 1 |",
    ]


def test_rounds_become_medians() -> None:
    rounds = [
        Result(name="x", figures={"cold": 3.0, "others": 2.0, "idle": None}, faults=["a"]),
        Result(name="x", figures={"cold": 1.0, "others": 9.0, "idle": None}, faults=[]),
        Result(name="x", figures={"cold": 2.0, "others": 1.0, "small.chat": 5.0}, faults=["b"]),
    ]
    figures = {"cold": 2.0, "others": 9.0, "idle": None, "small.chat": 5.0}
    assert medians(rounds) == Result(name="x", figures=figures, faults=["a", "b"])


def test_the_machine_is_named() -> None:
    assert ", 2 cores, Linux " in machine(2)
