"""Text from elsewhere, made harmless for a terminal.

Names chosen by agents must not move the cursor, change colours, reorder or hide lines on an
operator's screen.
"""

import json
from typing import Any


def shown(value: object) -> str:
    """Write a value on one line; what cannot be printed is shown by its number."""
    if value is None or value == "":
        return "-"
    text = _written(value)
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def _written(value: Any) -> str:  # noqa: ANN401 - whatever JSON may hold
    match value:
        case str():
            return value
        case float() if value.is_integer():
            return str(int(value))
        case [*items] if all(isinstance(item, str) for item in items):
            return ", ".join(items)
        case _:
            return json.dumps(value, ensure_ascii=False)
