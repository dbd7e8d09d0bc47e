import base64
from urllib.parse import quote

from broker.proxy.placing import InBasic, InHeader, Template, needles
from broker.secret import Secret


def test_what_is_put_in_is_looked_for_in_every_spelling() -> None:
    """Also behind the base 64 of Basic, and not where it is too short to say anything."""
    values = {"key": Secret("a/b+c=d&e"), "user": Secret("short")}
    pair = base64.b64encode(b"me:a/b+c=d&e")

    in_header = needles(InHeader("X-Api-Key", Template("{user}.{key}")), values)
    in_basic = needles(InBasic("me", Template("{key}")), values)

    assert {b"a/b+c=d&e", quote("a/b+c=d&e", safe="").encode()} <= set(in_header)
    assert b"short" not in in_header
    assert pair in in_basic
