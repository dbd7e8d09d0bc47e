"""What the broker's API answers about trees of tasks, typed."""

from broker.client.results import Page, Task


class Branch(Task, frozen=True, kw_only=True):
    """A task of a tree, ``level`` below the one that was asked for; its parent stands before it."""

    level: int
    children: int
    open_children: int
    live_credentials: int
    ending_credentials: int
    """Dead with their task, and still being taken down one by one."""


class TaskTree(Page, frozen=True, kw_only=True):
    """One page of a tree of tasks."""

    tasks: tuple[Branch, ...]
