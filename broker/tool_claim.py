"""What an agent says of a tool, read at the door: each word in its one spelling, or refused."""

from broker.errors import InvalidRequestError
from broker.facts.fields import NAME_FORM, is_name
from broker.model.tool import Tool
from broker.tool_origin import parse_digest, parse_origin


def read_tool(name: str, origin: str | None, digest: str | None, *, field: str) -> Tool:
    """Read it; what is empty was not said.

    Raises:
        InvalidRequestError: a word is not of its form.
    """
    if not is_name(name):
        raise InvalidRequestError(f"is no name of a tool: {NAME_FORM}", field=f"{field}.name")
    return Tool(
        name,
        parse_origin(origin, field=f"{field}.origin") if origin else "",
        parse_digest(digest, field=f"{field}.digest") if digest else "",
    )
