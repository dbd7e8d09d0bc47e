"""Text from elsewhere, made harmless for a terminal.

Names chosen by agents must not move the cursor, change colours, reorder or hide lines on an
operator's screen.
"""

import json


def shown(value: object) -> str:
    """Write a value on one line; what cannot be printed is shown by its number."""
    if value is None or value == "":
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
