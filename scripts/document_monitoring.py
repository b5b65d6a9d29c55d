"""Writes the table of docs/monitoring.md from deploy/alarms.toml: `make docs`. With --check it only compares."""

import sys
from collections.abc import Iterator

from deploy.alarm_kinds import NEAR_TIMEOUT, AlarmKind, alarm_kinds
from scripts.document_pipelines import ROOT, page

PAGE = ROOT / "docs" / "monitoring.md"
MADE_BY = "deploy/alarms.toml by `make docs`"
_OF = {
    "function": "each function",
    "workflow": "each pipeline's workflow",
    "job": "each pipeline's Glue job",
    "pipeline": "each pipeline",
    "dead_letters": "each queue of dead letters",
    "queue": "the gate's queue",
    "rule": "each rule of EventBridge",
}


def table() -> str:
    """Markdown: an alarm kind a line."""
    return "\n".join(["", *_lines(), ""])


def _lines() -> Iterator[str]:
    yield "| alarm | one for | rings when | what happened | what to do |"
    yield "|---|---|---|---|---|"
    for kind in alarm_kinds():
        name = "…" if kind.name == "{}" else kind.name.replace("{}", "…")
        texts = (kind.happened.replace("{}", "…"), kind.act.replace("{}", "…"))
        yield f"| `{name}` | {_OF[kind.of]} | {_when(kind)} | {' | '.join(texts)} |"


def _when(kind: AlarmKind) -> str:
    metric = f"`{kind.namespace} {kind.metric}`"
    within = f"within {kind.period // 60} minutes"
    if kind.share_of:
        return f"{metric} is {kind.threshold} % of `{kind.share_of}` or more {within}, of {kind.least} or more"
    if kind.threshold == NEAR_TIMEOUT:
        return f"highest {metric} reaches 90 % of the timeout {within}"
    how = "highest" if kind.statistic == "Maximum" else "sum of"
    return f"{how} {metric} reaches {kind.threshold:,} {within}"


def page_text(text: str) -> str:
    """The page with its table renewed."""
    return page(text, table(), MADE_BY)


def main() -> int:
    check, text = "--check" in sys.argv[1:], PAGE.read_text()
    wanted = page_text(text)
    if check and wanted != text:
        print(f"{PAGE.relative_to(ROOT)} is stale: run `make docs` and commit it", file=sys.stderr)
    if not check:
        PAGE.write_text(wanted)
    print(f"monitoring: {len(alarm_kinds())} kinds of alarms, {'stale' if wanted != text else 'up to date'}")
    return 1 if check and wanted != text else 0


if __name__ == "__main__":
    sys.exit(main())
