"""How a deployment is shown: its plan, the changes, the stack's events."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from cli.screen import Screen
from cli.tables import table
from cli.text import bytes_text, count_text
from deploy.change_set import Change, ChangeSet
from deploy.layers import LIMIT_UNPACKED_BYTES
from deploy.plan import Plan
from deploy.stack_events import STACK, StackEvent

SHOWN_ADDITIONS = 30
"""More resources than this that are only added are shown by type."""

_SHORT_HASH = 12
_HASH = re.compile(r"[0-9a-f]{64}")
_STYLES = {"Add": "green", "Import": "green", "Modify": "yellow", "Remove": "bold red", "Dynamic": "bold red"}
_SIGNS = {"Add": "+", "Import": "+", "Modify": "~", "Remove": "-", "Dynamic": "?"}
_WORDS = {
    "CREATE_COMPLETE": "created",
    "UPDATE_COMPLETE": "updated",
    "DELETE_COMPLETE": "deleted",
    "DELETE_SKIPPED": "kept for now",
}
_REPLACED = {
    "True": Text("REPLACED", style="bold red"),
    "Conditional": Text("maybe replaced", style="bold red"),
    "False": Text("in place"),
}


def draw_plan(out: Console, plan: Plan) -> None:
    """Artefacts, functions with their layers, resources by type, parameters."""
    out.print(f"[bold]Plan for stack '{plan.stack}', environment '{plan.environment}', {plan.region}[/bold]")
    rows = (
        (one.name, bytes_text(len(one.data)), bytes_text(one.unpacked_bytes), one.sha256[:_SHORT_HASH])
        for one in plan.artifacts
    )
    out.print(table(("!artefact", ">size", ">unpacked", "!sha256"), rows))
    if plan.functions:
        functions = (
            (one.kind, " + ".join(one.layers), bytes_text(one.unpacked_bytes), _share(one.unpacked_bytes))
            for one in plan.functions
        )
        out.print()
        out.print(table(("!function", "layers", ">unpacked, code too", ">of Lambda's limit"), functions))
    out.print()
    out.print(table(("!resource type", ">count"), [*plan.resources.items(), ("in all", sum(plan.resources.values()))]))
    out.print()
    values = (
        (name, _HASH.sub(lambda match: match[0][:_SHORT_HASH] + "…", value)) for name, value in plan.parameters.items()
    )
    out.print(table(("!parameter", "value"), values))


def draw_changes(out: Console, proposed: ChangeSet) -> None:
    """A change set. What destroys comes last, next to the question."""
    added = [one for one in proposed.changes if one.action == "Add"]
    others = sorted((one for one in proposed.changes if one.action != "Add"), key=lambda one: one.destructive)
    if len(added) > SHOWN_ADDITIONS:
        types = Counter(one.type for one in added)
        rows = ((_action("Add"), kind, count) for kind, count in sorted(types.items()))
        out.print(table(("!action", "!type", ">count"), rows))
        if others:
            out.print()
    rest = others if len(added) > SHOWN_ADDITIONS else [*added, *others]
    if rest:
        out.print(table(("!action", "logical id", "type", "!replacement"), map(_row, rest)))
    out.print()
    out.print(summary(proposed.changes))
    lost = sum(one.destructive for one in proposed.changes)
    if lost:
        verb = "is" if lost == 1 else "are"
        out.print(f"[bold red]{count_text(lost, 'resource')} {verb} removed or replaced: read them twice[/bold red]")


def summary(changes: Sequence[Change]) -> str:
    """`3 to add, 1 to modify`."""
    words = {"Add": "to add", "Modify": "to modify", "Remove": "to remove", "Import": "to import"}
    counts = Counter(one.action for one in changes)
    return ", ".join(f"{counts[action]} {word}" for action, word in words.items() if counts[action]) or "No resources"


def event_line(screen: Screen, event: StackEvent) -> None:
    """A line for each resource that is done or has failed."""
    if event.type == STACK or event.status.endswith("_IN_PROGRESS"):
        return
    what = Text("✗ " if event.status.endswith("_FAILED") else "  ", style="bold red")
    word = _WORDS.get(event.status, event.status.lower().replace("_", " "))
    line = Text.assemble(what, (f"{word:14}", "dim"), event.logical_id, (f"  {_short(event.type)}", "dim"))
    screen.text.print(line, soft_wrap=True)
    if event.failed:
        screen.text.print(Text(f"    {event.reason}", style="red"), soft_wrap=not screen.text.is_terminal)


def draw_outputs(out: Console, outputs: Iterable[tuple[str, str]]) -> None:
    """The stack's outputs."""
    out.print(table(("!output", "value"), outputs))


def _share(amount: int) -> str:
    return f"{amount / LIMIT_UNPACKED_BYTES:.0%}"


def _action(action: str) -> Text:
    return Text(f"{_SIGNS.get(action, ' ')} {action.lower()}", style=_STYLES.get(action, ""))


def _row(change: Change) -> tuple[object, ...]:
    style = "bold red" if change.destructive else ""
    return (
        _action(change.action),
        Text(change.logical_id, style=style),
        Text(_short(change.type), style=style or "dim"),
        _REPLACED.get(change.replacement, Text("")),
    )


def _short(kind: str) -> str:
    return kind.removeprefix("AWS::")
