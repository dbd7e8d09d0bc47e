from collections import OrderedDict

import pytest
from msgspec.structs import replace

from broker.secret import Secret
from broker.tools.masking import masked, secrets_of
from tests.fakes.delivered import issued
from tests.fakes.pretend_secrets import drawn

TOKEN = f"token-{drawn('masking', 12)}"
SECRETS = (TOKEN,)


@pytest.mark.parametrize(
    ("said", "harmless"),
    [
        (f"Bearer {TOKEN}, twice: {TOKEN}", "Bearer ***, twice: ***"),
        ({"a": [TOKEN, 1, None], TOKEN: (TOKEN,)}, {"a": ["***", 1, None], "***": ("***",)}),
        ((f"{TOKEN}", {"artifact": b"x"}), ("***", {"artifact": b"x"})),
        (7, 7),
        ("nothing of it", "nothing of it"),
    ],
    ids=["text", "tree", "pair", "number", "harmless"],
)
def test_a_secret_is_masked_wherever_it_is_said(said: object, harmless: object) -> None:
    """In texts, and in whatever holds texts."""
    assert masked(said, SECRETS) == harmless


def test_what_is_of_another_class_stays_what_it_is() -> None:
    """A framework's own objects are not taken to pieces."""
    said = OrderedDict(a="x")

    assert masked(said, SECRETS) == said


def test_where_a_credential_is_good_is_no_secret() -> None:
    """Its password is, in every spelling."""
    words = {
        "host": Secret("database.example"),
        "username": Secret("jit_role_7"),
        "password": Secret("p/ss w0rd+1"),
    }

    found = secrets_of(replace(issued(), secret=words, target="reports"))

    assert {"p/ss w0rd+1", "p%2Fss%20w0rd%2B1", "p%2fss%20w0rd%2b1"} <= set(found)
    assert not {"database.example", "jit_role_7"} & set(found)
