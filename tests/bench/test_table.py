"""The table that a run prints."""

from bench.table import Result, machine, markdown


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


def test_the_machine_is_named() -> None:
    assert ", 2 cores, Linux " in machine(2)
