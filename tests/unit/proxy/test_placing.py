import html
import json
import re
from urllib.parse import quote, quote_plus

import pytest

from broker.proxy.placing import InHeader, Template, needles
from broker.secret import Secret

VALUE = 'a/b+c=d&e f"g<h'
SPELLINGS = {
    "as it is": VALUE,
    "in a query": quote_plus(VALUE),
    "in a path": quote(VALUE),
    "without a slash": quote(VALUE, safe=""),
    "in small letters": re.sub("%..", lambda found: found[0].lower(), quote(VALUE, safe="")),
    "in JSON": json.dumps(VALUE)[1:-1],
    "in JSON, as PHP writes it": json.dumps(VALUE)[1:-1].replace("/", "\\/"),
    "on a page": html.escape(VALUE),
}


@pytest.mark.parametrize("where", list(SPELLINGS))
def test_an_echo_is_known_however_it_is_spelt(where: str) -> None:
    """A server writes what it was sent in the way of what it answers."""
    placing = InHeader("X-Api-Key", Template("{key}"))

    known = needles(placing, {"key": Secret(VALUE)})

    assert SPELLINGS[where].encode() in known
