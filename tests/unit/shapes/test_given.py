import pytest

from broker.secret import Secret
from broker.shapes.given import Given, UnfitError, live


def given(**words: str) -> Given:
    """A credential of these words."""
    return Given("toy", {name: Secret(word) for name, word in words.items()}, 2_000)


@pytest.mark.parametrize(
    "words",
    [
        {"access_token": "t", "other": "o"},
        {"token": "t", "lease": "o"},
        {"anything": "t"},
    ],
)
def test_the_word_that_must_be_the_token_is_found(words: dict[str, str]) -> None:
    """By its name, or because there is no other."""
    assert given(**words).token().reveal() == "t"


@pytest.mark.parametrize(
    "words", [{}, {"a": "canary", "b": "canary"}, {"token": "canary", "access_token": "canary"}]
)
def test_a_token_is_never_guessed(words: dict[str, str]) -> None:
    """Where several might be meant, or none is there, the words' names are told and no word."""
    with pytest.raises(UnfitError, match="--word") as told:
        given(**words).token()

    assert "canary" not in str(told.value)
    assert all(name in str(told.value) for name in words)


def test_the_named_word_is_the_token_or_none_is() -> None:
    """No other one stands in for it."""
    assert given(a="1", b="2").token("b").reveal() == "2"
    with pytest.raises(UnfitError, match="'c'"):
        given(a="1").token("c")


def test_a_login_is_its_own_or_a_name_and_its_token() -> None:
    """A name that was given goes before."""
    own = given(username="alice", password="p")

    assert own.login()[0] == "alice"
    assert own.login(username="bob")[0] == "bob"
    assert own.login()[1].reveal() == "p"
    assert given(token="t").login()[0] == "x-access-token"
    assert given(username="alice", password="p", key="k").login(word="key")[1].reveal() == "k"


@pytest.mark.parametrize(("now_ms", "lives"), [(1_999, True), (2_000, False), (2_001, False)])
def test_what_has_ended_is_not_given(now_ms: int, lives: bool) -> None:  # noqa: FBT001
    """From the very millisecond of its end."""
    if lives:
        assert live(given(a="1"), now_ms).kind == "toy"
    else:
        with pytest.raises(UnfitError, match="expired"):
            live(given(a="1"), now_ms)


def test_no_rendering_of_it_has_a_word() -> None:
    """It goes through places that write what they hold."""
    assert "canary" not in repr(given(token="canary")) + str(given(token="canary"))
