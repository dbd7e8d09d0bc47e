"""What the tree below a task is held to, besides ceilings: audiences, depth, fan-out."""

import msgspec


class Bounds(msgspec.Struct, frozen=True):
    """Bounds of a task and of everything below it. None: by this the task is not bounded.

    As an opener states them, None means "as the parent"; as a task has them, its parent's are in
    them already, so what is None is unbounded up to the root.
    """

    audiences: tuple[str, ...] | None = None
    """The only resource servers that credentials are made for."""
    levels: int | None = None
    """How many levels of tasks there may be below it; 0: it hands nothing on."""
    children: int | None = None
    """Open child tasks of each one task."""
    below: int | None = None
    """Open tasks in everything below it."""

    def admits(self, audience: str) -> bool:
        """Tell whether credentials may be made for an audience."""
        return self.audiences is None or audience in self.audiences


UNBOUNDED = Bounds()
