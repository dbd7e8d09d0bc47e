"""One thing that is wrong with the configuration."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, where inside its document, and what to do about it.

    ``path`` leads from the document's root to the value: ``("issuers", 0, "audience")``. The loader
    turns it into file and line. A settings type that can be well-typed and still wrong has a method
    ``faults() -> Iterator[Fault]`` with paths relative to itself.
    """

    path: tuple[str | int, ...]
    message: str
    remedy: str
