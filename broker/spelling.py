"""How one text is written where it is repeated: in an address, a form, JSON, a page."""

import html
import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus

_PERCENT: Final = re.compile(r"%[0-9A-F]{2}")

SHORTEST: Final = 8
"""What is shorter is not looked for in other texts: it would occur by chance."""


def spellings(text: str) -> Iterator[str]:
    """Return a text in every spelling in which an echo of it is found, the same one maybe twice."""
    in_json = json.dumps(text)[1:-1]
    yield from (text, html.escape(text), in_json, in_json.replace("/", "\\/"))
    for encoded in (quote(text, safe=""), quote(text), quote_plus(text)):
        yield from (encoded, _PERCENT.sub(lambda match: match[0].lower(), encoded))
