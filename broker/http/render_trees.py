"""Trees of tasks as JSON."""

from broker.http import render
from broker.task_trees import Branch


def branch(value: Branch) -> render.Json:
    """Show a task of a tree, with what it has.

    Credentials of a task that is not alive are dead; what is left of them is being taken down.
    """
    task, counts = value.task, value.counts
    live = counts.leases if task.is_alive else 0
    return render.task(task) | {
        "level": value.level,
        "children": counts.children,
        "open_children": counts.open_children,
        "live_credentials": live,
        "ending_credentials": counts.leases - live,
    }
