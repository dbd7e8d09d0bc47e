"""A tool that an agent has found while it was at work, and says that it will use."""

import msgspec


class Tool(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the agent says of it: its own word, which nothing proves.

    ``origin`` is where it comes from (:mod:`broker.tool_origin`), ``digest`` what of it was found
    there; empty when the agent says nothing of that. All of them were checked at the door.
    """

    name: str
    origin: str = ""
    digest: str = ""

    def comes_from(self, origin: str) -> bool:
        """Tell whether it says that it is from there; from nowhere is from no place."""
        return bool(origin) and self.origin == origin

    def told(self) -> dict[str, str]:
        """Return it for a record: what is empty is left out."""
        said = {"name": self.name, "origin": self.origin, "digest": self.digest}
        return {key: value for key, value in said.items() if value}
