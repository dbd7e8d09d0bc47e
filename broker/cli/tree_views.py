"""How a tree of tasks looks in a terminal. Pure: a document in, something to print out."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from broker.cli.screen import STATE_STYLES, Document, stacked
from broker.terminal import shown


def tree(document: Document) -> RenderableType:
    """Show a tree, what it comes to, and what can be done about any task of it."""
    tasks: Sequence[Document] = document["tasks"]
    if not tasks:
        return Text("Nothing is left of this task: its record has been forgotten.", style="dim")
    root = Tree(_label(tasks[0]), guide_style="dim")
    line = [root]
    for each in tasks[1:]:
        del line[max(1, each["level"]) :]
        line.append(line[-1].add(_label(each)))
    return stacked(root, *_hints(document))


def _label(task: Document) -> Text:
    """Write one task in two lines: what it is and how it stands, then its names and bounds."""
    label = Text(shown(task["name"]), style="bold", overflow="fold")
    label.append("  ").append_text(_state(task))
    label.append(f"  {_who(task)}", style="not bold")
    label.append_text(_credentials(task))
    about = [
        shown(task["id"]),
        f"opened by {shown(task['opener'])}",
        f"until {shown(task['deadline'])}",
    ]
    label.append("\n" + " · ".join([*about, *map(_line, task["ceiling"])]), style="dim not bold")
    return label


def _state(task: Document) -> Text:
    """Say how it stands: a task that is open by its own word may be dead by an ancestor's end."""
    state = shown(task["state"])
    if task["state"] == "open" and not task["alive"]:
        return Text(f"dead: {shown(task['ended_by'] or 'ended above')}", style="red not bold")
    if task.get("frozen"):
        by = shown(task.get("frozen_by") or "above")
        return Text(f"frozen: {by}", style="cyan not bold")
    why = shown(task["ended_by"]) if task["ended_by"] not in ("", "done", task["state"]) else ""
    style = f"{STATE_STYLES.get(state, '')} not bold".strip()
    return Text(f"{state}: {why}" if why else state, style=style)


def _who(task: Document) -> str:
    instance = shown(task["instance"]) if task["instance"] else "not claimed yet"
    return f"{shown(task['agent'])} ({instance})"


def _credentials(task: Document) -> Text:
    told = Text(style="not bold")
    if task["live_credentials"]:
        told.append(f"  {task['live_credentials']} live", style="green not bold")
    if task["ending_credentials"]:
        told.append(f"  {task['ending_credentials']} being taken down", style="yellow not bold")
    return told


def _line(line: Document) -> str:
    return f"{shown(line['capability'])} {shown(' '.join(line['scopes']))}"


def _hints(document: Document) -> list[RenderableType]:
    tasks: Sequence[Document] = document["tasks"]
    live = sum(each["live_credentials"] for each in tasks)
    alive = sum(bool(each["alive"]) for each in tasks)
    told = Text(f"{len(tasks)} tasks · {alive} alive · {live} live credentials", style="dim")
    hints: list[RenderableType] = [told]
    if document["more"]:
        hints.append(Text("There are more: raise --limit, or begin at a task further down."))
    if len(tasks) == 1:
        hints.append(Text("Nothing was handed on: this task has no child tasks.", style="dim"))
    if alive:
        stop = Text("stop one of them, and all below it:  ", style="dim")
        hints.append(stop.append("broker task cancel TASK --reason …", style="bold"))
    return hints
