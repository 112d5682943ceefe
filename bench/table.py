"""Results as one markdown table: a row a figure, a column a target."""

import platform
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from bench.sections import Figures

# key of a figure, what it is, digits after the point
ROWS = (
    ("cold", "cold start: exec to the first answer, s", 2),
    ("idle", "memory, idle, MB", 1),
    ("small.chat", "small request, OpenAI Chat, CPU µs", 0),
    ("small.messages", "small request, Anthropic Messages, CPU µs", 0),
    ("small.translated", "small request, Messages in, Chat out, CPU µs", 0),
    ("small.chat.rate", "small requests a second on one core, Chat", 0),
    ("big.chat", "100 KB request, Chat, CPU µs", 0),
    ("big.messages", "100 KB request, Messages, CPU µs", 0),
    ("paced200.delivered", "200 streams: delivered in time, %", 0),
    ("paced200.cpu", "200 streams: CPU µs a piece", 1),
    ("paced200.memory", "200 streams: memory a stream, KB", 0),
    ("paced200.translated.cpu", "200 translated streams: CPU µs a piece", 1),
    ("paced1000.delivered", "1,000 streams: delivered in time, %", 0),
    ("paced1000.cpu", "1,000 streams: CPU µs a piece", 1),
    ("paced1000.core", "1,000 streams: CPU, % of a core", 0),
    ("paced1000.memory", "1,000 streams: memory a stream, KB", 0),
    ("others", "rest of the machine, at most, % of a core", 0),
)


class Result(Struct, kw_only=True):
    """One target's figures, and what went wrong while they were taken."""

    name: str
    figures: Figures
    faults: list[str]


def medians(rounds: Sequence[Result]) -> Result:
    """One target's rounds as one result: the median of each figure, every fault, the worst of "others"."""
    figures: Figures = {}
    for key in dict.fromkeys(key for result in rounds for key in result.figures):
        values = [value for result in rounds if (value := result.figures.get(key)) is not None]
        unite = max if key == "others" else statistics.median
        figures[key] = unite(values) if values else None
    return Result(name=rounds[0].name, figures=figures, faults=[fault for result in rounds for fault in result.faults])


def cell(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def markdown(results: Sequence[Result]) -> str:
    lines = [
        "| | " + " | ".join(result.name for result in results) + " |",
        "|---|" + "---:|" * len(results),
    ]
    for key, label, digits in ROWS:
        if any(key in result.figures for result in results):
            cells = [cell(result.figures.get(key), digits) for result in results]
            lines.append(f"| {label} | " + " | ".join(cells) + " |")
    lines.append("| faults | " + " | ".join(str(len(result.faults)) for result in results) + " |")
    return "\n".join(lines)


def machine(cores: int) -> str:
    """The machine in one line: processor, cores, kernel, Python."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith(("model name", "CPU part"))
    ]
    python = sys.version.split()[0]
    return f"{names[0] if names else platform.machine()}, {cores} cores, Linux {platform.release()}, Python {python}"
