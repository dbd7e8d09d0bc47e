import pytest

from broker.secret import Secret
from broker.shapes import git
from broker.shapes.given import Given, UnfitError

ASKED = b"protocol=https\nhost=git.example\n\n"
OURS = frozenset({"git.example", "localhost:8080"})
END_MS = 1_764_500_000_999


def given(**words: str) -> Given:
    """A credential of these words."""
    return Given("toy", {name: Secret(word) for name, word in words.items()}, END_MS)


def answered(said: bytes, manner: git.Manner, **words: str) -> list[str]:
    """Answer a question, line by line."""
    return git.answer(given(**words), git.question(said), manner).splitlines()


def test_a_token_is_a_password_with_its_end() -> None:
    """In whole seconds, rounded down."""
    assert answered(ASKED, git.Manner(), access_token="t") == [
        "username=x-access-token",
        "password=t",
        "password_expiry_utc=1764500000",
    ]


def test_what_git_says_besides_is_passed_over() -> None:
    """As its contract demands: a newer git says more."""
    said = b"capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=git.example\n"
    said += b"path=a.git\nwwwauth[]=Basic realm=x\nwwwauth[]=Bearer\nsomething=new\nnew[]=x\n\nmore"

    asked = git.question(said)

    assert (asked.protocol, asked.host) == ("https", "git.example")
    assert asked.capabilities == {"authtype", "state"}


def test_an_empty_value_takes_a_list_back() -> None:
    """As git-credential(1) says of names with brackets."""
    said = b"capability[]=authtype\ncapability[]=\nprotocol=https\nhost=git.example\n"

    assert git.question(said).capabilities == frozenset()


@pytest.mark.parametrize(
    "said",
    [
        b"protocol=https\nhost=git.example\0.evil\n",
        b"protocol=https\nhost=git.example\r\n",
        b"protocol=https\nhost=git.example\nusername=a\rhost=evil.example\n",
        b"protocol=https\nhost=git.example\nhost=evil.example\n",
        b"protocol=https\nprotocol=http\nhost=git.example\n",
        b"protocol=https\nhost=\xff\n",
        b"protocol=https\nhost\n",
        b"protocol=https\n=x\nhost=git.example\n",
        b"host=git.example\n",
        b"protocol=https\n",
        b"",
        b"protocol=https\nhost=git.example\npath=" + b"a" * git.MOST_BYTES,
    ],
    ids=lambda said: repr(said[:60]),
)
def test_what_could_be_read_in_two_ways_is_refused(said: bytes) -> None:
    """A URL smuggles lines into the question; the last and the first are then two servers."""
    with pytest.raises(UnfitError):
        git.question(said)


@pytest.mark.parametrize(
    ("said", "is_it"),
    [
        (ASKED, True),
        (b"protocol=https\nhost=GIT.example:443\n", True),
        (b"protocol=http\nhost=localhost:8080\n", True),
        (b"protocol=https\nhost=git.example:8443\n", False),
        (b"protocol=https\nhost=git.example.evil\n", False),
        (b"protocol=https\nhost=evil-git.example\n", False),
        (b"protocol=https\nhost=git.example/../evil\n", False),
        (b"protocol=ssh\nhost=git.example\n", False),
        (b"protocol=file\nhost=localhost:8080\n", False),
    ],
)
def test_only_a_declared_server_gets_it(said: bytes, is_it: bool) -> None:  # noqa: FBT001
    """For any other one there is no answer, and git goes on."""
    assert git.is_ours(git.question(said), OURS) is is_it


def test_it_does_not_travel_in_clear_text() -> None:
    """Not even to a declared server: someone between would have it."""
    asked = git.question(b"protocol=http\nhost=git.example\n")

    with pytest.raises(UnfitError, match="clear text"):
        git.is_ours(asked, OURS)


def test_another_login_than_gits_is_not_given() -> None:
    """The name that stands in a remote's URL is who git wants to be."""
    said = b"protocol=https\nhost=git.example\nusername=bob\n"

    with pytest.raises(UnfitError, match="bob"):
        answered(said, git.Manner(), username="alice", password="p")
    with pytest.raises(UnfitError, match="bob"):
        answered(said, git.Manner(username="alice"), token="t")
    assert "username=bob" in answered(said, git.Manner(), token="t")


def test_a_bearer_goes_only_to_a_git_that_can_send_it() -> None:
    """Others would send the token as a password of nobody."""
    able = b"capability[]=authtype\n" + ASKED

    assert answered(able, git.Manner(is_bearer=True), token="t") == [
        "capability[]=authtype",
        "authtype=Bearer",
        "credential=t",
        "ephemeral=1",
        "password_expiry_utc=1764500000",
    ]
    with pytest.raises(UnfitError, match=r"2\.46"):
        answered(ASKED, git.Manner(is_bearer=True), token="t")


@pytest.mark.parametrize("word", ["", "a\nhost=evil", "a\r", "a\0"])
@pytest.mark.parametrize("is_bearer", [False, True])
def test_a_word_that_would_be_a_line_of_its_own_is_refused(word: str, is_bearer: bool) -> None:  # noqa: FBT001
    """Whatever a target has called a password."""
    able = b"capability[]=authtype\n" + ASKED

    with pytest.raises(UnfitError, match="line break"):
        answered(able, git.Manner(is_bearer=is_bearer), token=word)
