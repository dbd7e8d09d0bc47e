"""What a capability takes from Vault: nothing in a wish becomes more than a word."""

from typing import Any

import pytest

from backends.contract import Revocable, SelfExpiry, Wish
from backends.errors import NotMintedError
from backends.vault import kind
from backends.vault_options import JwtLogin, Manner, Mount, VaultOptions
from backends.vault_template import Secret, VaultTemplate, order_of

OPTIONS = VaultOptions(
    address="https://vault.example:8200",
    login=JwtLogin(role="jit-broker"),
    token_role="jit",
    mounts=(
        Mount(mount="database", engine="database", death=Manner.LEASE),
        Mount(mount="team/pki", engine="pki", death=Manner.CRL),
        Mount(mount="ssh", engine="ssh", death=Manner.AGE),
        Mount(mount="kv", engine="kv", death=Manner.NEVER),
    ),
)


def a_wish(template: VaultTemplate, **changes: Any) -> Wish:
    """Ask for everything that a template gives."""
    words: dict[str, Any] = {
        "lease": "l_00_" + "a" * 26,
        "task": "t_00_" + "a" * 26,
        "tenant": "acme",
        "agent": "invoice-bot",
        "capability": "orders-db",
        "on_behalf_of": "alice",
        "scopes": tuple(template.scopes),
        "template": template,
    }
    return Wish(**{**words, **changes})


def one(**changes: Any) -> VaultTemplate:
    """Make a template of one secret."""
    secret = {"mount": "database", "path": "creds/orders", "policies": ("orders",), **changes}
    return VaultTemplate(scopes={"read": Secret(**secret)})


def test_a_variable_is_part_of_one_segment() -> None:
    """Quoted, wherever it stands."""
    order = order_of(a_wish(one(path="creds/t-${tenant}/${on_behalf_of}")), OPTIONS)

    assert [each.path for each in order.distinct] == ["database/creds/t-acme/alice"]


@pytest.mark.parametrize(
    "word",
    ["a/b", "..", ".", "a%2fb", "a?b", "a#b", "a b", "a\nb", "a\x00b", "", "a\\b", "é\u202e"],
)
def test_no_word_leaves_its_segment(word: str) -> None:
    """It is refused, not mended: two words must never name one path."""
    with pytest.raises(NotMintedError, match="segment"):
        order_of(a_wish(one(path="creds/${on_behalf_of}"), on_behalf_of=word), OPTIONS)


def test_a_letter_of_another_script_is_encoded() -> None:
    """As UTF-8, one segment still."""
    found = order_of(a_wish(one(path="creds/${on_behalf_of}"), on_behalf_of="zoë"), OPTIONS)

    assert found.distinct[0].path == "database/creds/zo%C3%AB"


def test_words_in_a_body_are_values() -> None:
    """Quotes and braces stay text; what is no text stays what it is."""
    body = {"cn": "${on_behalf_of}", "n": 3, "list": ["${tenant}"], "o": {"p": "${agent}"}}
    template = one(mount="team/pki", path="issue/bots", body=body)
    nasty = '", "ttl": "9999h", "x": "'

    (request,) = order_of(a_wish(template, on_behalf_of=nasty), OPTIONS).distinct

    assert request.body == {
        "cn": nasty,
        "n": 3,
        "list": ["acme"],
        "o": {"p": "invoice-bot"},
    }
    assert request.is_write
    assert request.is_timed


@pytest.mark.parametrize("word", ["a,b", "a b", "root", "DEFAULT", "", "../x"])
def test_no_word_becomes_another_policy(word: str) -> None:
    """Neither several, nor one that no credential is given."""
    with pytest.raises(NotMintedError, match="policy"):
        order_of(a_wish(one(policies=("${on_behalf_of}",)), on_behalf_of=word), OPTIONS)


def test_the_policies_are_those_of_the_scopes_that_are_asked_for() -> None:
    """And the template's; each once, in small letters as Vault has them."""
    read = Secret(mount="database", path="creds/r", policies=("Orders-${tenant}",))
    write = Secret(mount="database", path="creds/w", policies=("writing",))
    template = VaultTemplate(scopes={"read": read, "write": write}, policies=("all",))

    assert order_of(a_wish(template, scopes=("read",)), OPTIONS).policies == ("all", "orders-acme")
    assert order_of(a_wish(template), OPTIONS).policies == ("all", "orders-acme", "writing")


FLAWS: dict[str, tuple[VaultTemplate, str]] = {
    "mount": (one(mount="databse"), "does not declare"),
    "standing": (one(mount="kv", path="data/a"), "standing secret"),
    "standing elsewhere": (one(mount="kv", path="data/a", standing="kv/data/b"), "standing secret"),
    "not standing": (one(standing="database/creds/orders"), "secrets die"),
    "ttl": (one(mount="ssh", path="issue/a", body={"ttl": "9h"}), "the broker sets it"),
    "mixed": (
        VaultTemplate(scopes={"a": one().scopes["read"], "b": Secret(mount="ssh", path="issue/a")}),
        "die differently",
    ),
}


@pytest.mark.parametrize("name", FLAWS)
def test_what_does_not_fit_the_target_is_found_and_never_minted(name: str) -> None:
    """Before anything is published, and once more when it is asked for."""
    template, message = FLAWS[name]

    assert [flaw for flaw in kind.fit_flaws(OPTIONS, template) if message in flaw.message]
    with pytest.raises(NotMintedError):
        order_of(a_wish(template), OPTIONS)


def test_a_standing_secret_is_given_by_permission_and_called_one() -> None:
    """Its traits say that nobody takes it back, and that no age ends it."""
    permitted = one(mount="kv", path="data/shop/api", standing="kv/data/shop/api")

    traits = kind.traits_of(OPTIONS, permitted)

    assert list(kind.fit_flaws(OPTIONS, permitted)) == []
    assert (traits.revocable, traits.self_expiry) == (Revocable.NEVER, SelfExpiry.NONE)
    assert traits.is_standing
    assert not kind.traits_of(OPTIONS, one()).is_standing


@pytest.mark.parametrize(
    ("mount", "revocable", "expiry"),
    [
        ("database", Revocable.AT_ONCE, SelfExpiry.NEW_SESSIONS_ONLY),
        ("team/pki", Revocable.EVENTUALLY, SelfExpiry.FULL),
        ("ssh", Revocable.NEVER, SelfExpiry.FULL),
    ],
)
def test_each_mount_promises_what_its_engine_can(
    mount: str, revocable: Revocable, expiry: SelfExpiry
) -> None:
    """And no more."""
    traits = kind.traits_of(OPTIONS, one(mount=mount, path="issue/x"))

    assert (traits.revocable, traits.self_expiry) == (revocable, expiry)
    assert list(traits.flaws()) == []
