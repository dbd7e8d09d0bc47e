import pytest

from broker.attestation.claim_path import claim_of, find, is_well_formed

CLAIMS = {
    "sub": "x",
    "kubernetes.io": {"pod": {"uid": "u-1"}, "a/b": {"c~d": 1}},
    "list": [{"pod": 1}],
    "null": None,
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sub", "x"),
        ("/sub", "x"),
        ("/kubernetes.io/pod/uid", "u-1"),
        ("/kubernetes.io/a~1b/c~0d", 1),
        ("kubernetes.io/pod", None),
        ("/kubernetes.io/pod/name", None),
        ("/list/0", None),
        ("/sub/x", None),
        ("null", None),
        ("other", None),
    ],
)
def test_a_path_finds_its_claim_or_none(path: str, value: object) -> None:
    """Names and pointers into objects find values; lists and null hold none."""
    assert find(CLAIMS, path) == value


@pytest.mark.parametrize("path", ["sub", "kubernetes.io", "/kubernetes.io/pod", "/a~1b", "a~b"])
def test_names_and_pointers_are_well_formed(path: str) -> None:
    """A declaration may write these."""
    assert is_well_formed(path)


@pytest.mark.parametrize("path", ["", "/", "//", "/a/", "/a//b", "/a~", "/a~2", "\n", "/a\x00"])
def test_broken_pointers_are_not(path: str) -> None:
    """What would name nothing is told apart at start-up."""
    assert not is_well_formed(path)


def test_the_claim_of_a_pointer_is_its_first_step() -> None:
    """A pointer speaks of the whole claim it leads into."""
    assert claim_of("/kubernetes.io/pod/uid") == "kubernetes.io"
    assert claim_of("/a~1b/c") == "a/b"
    assert claim_of("sub") == "sub"
