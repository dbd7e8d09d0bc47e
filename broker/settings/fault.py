"""One thing that is wrong with the configuration."""

from dataclasses import dataclass

Path = tuple[str | int, ...]
"""The way from a document's root to a value: ``("issuers", 0, "audience")``."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, where inside its document, and what to do about it.

    ``path`` leads from the document's root to the value: ``("issuers", 0, "audience")``. The loader
    turns it into file and line. A settings type that can be well-typed and still wrong has a method
    ``faults() -> Iterator[Fault]`` with paths relative to itself.
    """

    path: Path
    message: str
    remedy: str

    def under(self, *prefix: str | int) -> "Fault":
        """Return the same fault as seen from further up the document."""
        return Fault((*prefix, *self.path), self.message, self.remedy)


def dotted(path: Path) -> str:
    """Write a path for people: ``issuers[0].audience``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")
