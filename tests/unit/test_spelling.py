import html
import json
import re
from urllib.parse import quote, quote_plus

import pytest

from broker.spelling import spellings

TEXT = 'a/b+c=d&e f"g<h'
SPELT = {
    "as it is": TEXT,
    "in a query": quote_plus(TEXT),
    "in a path": quote(TEXT),
    "without a slash": quote(TEXT, safe=""),
    "in small letters": re.sub("%..", lambda found: found[0].lower(), quote(TEXT, safe="")),
    "in JSON": json.dumps(TEXT)[1:-1],
    "in JSON, as PHP writes it": json.dumps(TEXT)[1:-1].replace("/", "\\/"),
    "on a page": html.escape(TEXT),
}


@pytest.mark.parametrize("where", list(SPELT))
def test_a_text_is_known_however_it_is_spelt(where: str) -> None:
    """Who repeats it writes it in the way of what he writes."""
    assert SPELT[where] in set(spellings(TEXT))


def test_a_plain_text_has_one_spelling() -> None:
    """A token costs one look."""
    assert set(spellings("eyJhbGciOi.x_y-z")) == {"eyJhbGciOi.x_y-z"}
