"""The report of a verification, for people."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from lethe.cli.output import table

ROWS = 12  # findings that are shown of each sink
_VERDICTS = {
    "pass": "PASS: no content was found in any place",
    "fail": "FAIL",
    "inconclusive": "INCONCLUSIVE: nothing was found, but not every place could be looked at",
}


def readable(report: dict[str, Any]) -> str:
    """Sinks as a table, then every hit by place, then what else failed."""
    parts = [_head(report), _sinks(report["sinks"])]
    if report["findings"]:
        parts.append(_findings(report["findings"]))
    parts += [text for text in (_reasons(report["sinks"]), _mutants(report["mutants"]), _failures(report)) if text]
    parts.append(_VERDICTS[report["outcome"]])
    return "\n\n".join(parts)


def _head(report: dict[str, Any]) -> str:
    about = ", ".join(f"{each['source']} at level {each['level']}" for each in report["configurations"])
    lines = [f"verified ({report['form']}): {about}"]
    if report["form"] != "live":
        copies = report["memory"]
        by_state: dict[str, list[str]] = {}
        for mechanism, state in report["enforced"].items():
            by_state.setdefault(state, []).append(mechanism)
        lines += [
            f"{report['requests']} requests ({report['served']} served), {report['canaries']} canaries",
            f"{report['seconds']} s",
            f"memory: {copies['prompt']} pieces of questions, {copies['answer']} of answers",
            "kernel: " + "; ".join(f"{state}: {', '.join(names)}" for state, names in by_state.items()),
        ]
    return "\n".join(lines)


def _sinks(sinks: Sequence[dict[str, Any]]) -> str:
    rows = [(s["sink"], f"{s['scanned']:,}", str(s["hits"]), s["verdict"], "; ".join(s["notes"])) for s in sinks]
    return table(("sink", "scanned", "hits", "verdict", ""), rows)


def _findings(findings: Sequence[dict[str, Any]]) -> str:
    """Alike in place and position; the cases are in the JSON."""
    counted: Counter[tuple[str, str, str, str]] = Counter()
    cases: dict[tuple[str, str, str, str], str] = {}
    for each in findings:
        row = (each["sink"], each["what"], each["where"], each["position"])
        counted[row] += each["times"]
        cases.setdefault(row, each["case"])
    rows: list[tuple[str, ...]] = []
    shown: Counter[str] = Counter()
    for row, times in counted.most_common():
        shown[row[0]] += 1
        if shown[row[0]] <= ROWS:
            rows.append((*row, str(times), cases[row]))
    text = table(("sink", "form", "where", "position", "times", "first case"), rows)
    left = sum(shown.values()) - len(rows)
    return f"{text}\n... and {left} more kinds, see --json" if left > 0 else text


def _reasons(sinks: Sequence[dict[str, Any]]) -> str:
    return "\n".join(f"not looked at: {s['sink']}: {reason}" for s in sinks for reason in s["reasons"])


def _mutants(mutants: dict[str, Any]) -> str:
    if not mutants["planted"]:
        return ""
    lines = [f"mutants: {mutants['planted']} leaks planted, {mutants['caught']} caught"]
    lines += [f"  survived: {each['mutant']} ({each['sink']}): {each['why']}" for each in mutants["survived"]]
    lines += [f"  not possible here: {each}" for each in mutants["impossible_here"]]
    return "\n".join(lines)


def _failures(report: dict[str, Any]) -> str:
    lines = [f"failed: {fault}" for fault in report["faults"]]
    if report["form"] != "live" and not report["served"]:
        lines.append("failed: nothing was served, which proves nothing")
    lines += [
        f"failed: {count} canaries were never seen to arrive: {position}"
        for position, count in report["unseen"].items()
    ]
    if lost := report["unseen_in"]:
        lines.append(f"failed: those belong to {len(lost)} cases, first: {lost[0]}")
    if refused := report["refused_by_level"]:
        lines.append(f"note: the level refuses {len(refused)} cases of the plain kind, first: {refused[0]}")
    return "\n".join(lines)
