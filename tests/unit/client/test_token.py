import pytest

from broker.client.errors import TokenMalformedError
from broker.client.token import RESTRICTING_CLAIMS, VerifiedToken, read_claims
from broker.ids import MAX_DEPTH
from tests.fakes import token_mint as mint


def path(depth: int) -> list[str]:
    """Return a well-formed path of so many tasks."""
    return [mint.ROOT] + [f"c_03_{'abcdefghijkl'[step] * 26}" for step in range(depth - 1)]


def test_a_verified_token_says_what_the_claims_say() -> None:
    """Each field has its claim's value; path and actors run from the root to the current one."""
    assert read_claims(mint.claims()) == VerifiedToken(
        issuer="https://broker.example",
        audience="https://orders.example",
        subject="agent:helper",
        agent="helper",
        instance="pod-1",
        tenant="acme",
        task=mint.CHILD,
        path=(mint.ROOT, mint.CHILD),
        capability="orders-api",
        scopes=frozenset({"orders:read", "orders:write"}),
        jti=mint.LEASE,
        lease=mint.LEASE,
        actors=("planner", "helper"),
        evidence_issuer="https://ci.example",
        issued_at_ms=1_800_000_000_500,
        expires_at_ms=1_800_000_300_000,
    )


def test_a_token_on_somebodys_behalf_says_whose() -> None:
    """The user's name is what follows the kind, colons included; an agent acts for itself."""
    assert read_claims(mint.claims(sub="user:alice:x")).on_behalf_of == "alice:x"
    assert read_claims(mint.claims()).on_behalf_of == ""


@pytest.mark.parametrize("generation", [2, 3, 10, 999])
def test_a_renewed_token_belongs_to_the_same_lease(generation: int) -> None:
    """The generation is part of the jti and not of the lease."""
    token = read_claims(mint.claims(jti=f"{mint.LEASE}.{generation}"))

    assert (token.jti, token.lease) == (f"{mint.LEASE}.{generation}", mint.LEASE)


def test_no_scope_is_a_scope_claim_too() -> None:
    """An empty text grants nothing; a missing claim is a fault."""
    assert read_claims(mint.claims(scope="")).scopes == frozenset()


def test_unknown_claims_are_passed_over() -> None:
    """A newer broker may say more."""
    assert read_claims(mint.claims(note="x")) == read_claims(mint.claims())


@pytest.mark.parametrize("name", sorted(mint.claims()))
def test_every_claim_is_required(name: str) -> None:
    """A token that lacks any one claim was not made by the broker."""
    with pytest.raises(TokenMalformedError, match=name):
        read_claims(mint.claims(**{name: ...}))


@pytest.mark.parametrize("value", [None, True, 1.5, [], {}, ["x"], {"x": 1}])
@pytest.mark.parametrize("name", sorted(mint.claims()))
def test_every_claim_has_one_type(name: str, value: object) -> None:
    """Nulls, booleans, fractions, lists and objects stand for nothing else."""
    with pytest.raises(TokenMalformedError):
        read_claims(mint.claims(**{name: value}))


@pytest.mark.parametrize("name", ["exp", "iat", "iat_ms"])
@pytest.mark.parametrize(
    "value",
    ["1800000300", "1_800_000_300", "٣", 1800000300.0, 0, -1, 10**50, 253_402_300_800, 2**63],
)
def test_dates_are_plain_integers_within_the_calendar(name: str, value: object) -> None:
    """Texts, fractions, zeros, negatives and far futures are no dates."""
    with pytest.raises(TokenMalformedError):
        read_claims(mint.claims(**{name: value}))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": mint.NOW_MS // 1000 - 1},
        {"iat_ms": mint.NOW_MS // 1000 * 1000 + 1000},
        {"iat_ms": mint.NOW_MS // 1000 * 1000 - 1000},
        {"path": []},
        {"path": [mint.ROOT]},
        {"path": [mint.CHILD]},
        {"path": [mint.CHILD, mint.ROOT], "task": mint.ROOT},
        {"path": [mint.ROOT, mint.ROOT], "task": mint.ROOT},
        {"path": [mint.ROOT, mint.CHILD, mint.CHILD]},
        {"path": [mint.ROOT, "x", mint.CHILD]},
        {"path": [mint.ROOT, mint.LEASE, mint.CHILD]},
        {"path": [mint.ROOT, 7, mint.CHILD]},
        {"path": path(MAX_DEPTH + 1), "task": path(MAX_DEPTH + 1)[-1]},
        {"task": "t_03_x"},
        {"task": mint.CHILD.upper()},
        {"task": mint.CHILD + "\n"},
        {"jti": "x"},
        {"jti": mint.ROOT},
        {"jti": mint.LEASE + "."},
        {"jti": mint.LEASE + ".0"},
        {"jti": mint.LEASE + ".1"},
        {"jti": mint.LEASE + ".02"},
        {"jti": mint.LEASE + ".2.3"},
        {"jti": mint.LEASE + ".x"},
        {"jti": mint.LEASE + ".²"},
        {"jti": mint.LEASE + ".2\n"},
        {"client_id": "planner"},
        {"agent": "planner"},
        {"sub": "agent:planner"},
        {"sub": "helper"},
        {"sub": "user:"},
        {"sub": "user"},
        {"sub": ""},
        {"act": {"sub": "agent:planner"}},
        {"act": {"sub": "helper"}},
        {"act": {"sub": "user:helper"}},
        {"act": {"sub": "agent:helper", "act": {"sub": "user:x"}}},
        {"act": {"sub": "agent:helper", "act": {}}},
        {"act": {"sub": "agent:helper", "act": []}},
        {"act": {"sub": "agent:helper", "act": {"sub": "agent:"}}},
        {"scope": " "},
        {"scope": "a  b"},
        {"scope": "a "},
        {"scope": 'a"b'},
        {"scope": "a\\b"},
        {"scope": "a\tb"},
        {"scope": "ä"},
        {"tenant": ""},
        {"tenant": "a\nb"},
        {"tenant": "a\x1b[31m"},
        {"tenant": "\u202eacme"},
        {"instance": ""},
        {"instance": "x" * 1025},
        {"capability": ""},
        {"evidence_issuer": ""},
    ],
)
def test_claims_that_contradict_each_other_are_refused(changes: dict[str, object]) -> None:
    """A signature is no excuse for a token that cannot be true."""
    with pytest.raises(TokenMalformedError):
        read_claims(mint.claims(**changes))


@pytest.mark.parametrize("depth", [1, MAX_DEPTH - 1, MAX_DEPTH])
def test_a_path_may_be_as_deep_as_a_task_tree(depth: int) -> None:
    """A root task alone, and the deepest tree, are well-formed."""
    steps = path(depth)

    assert read_claims(mint.claims(path=steps, task=steps[-1])).path == tuple(steps)


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1])
def test_an_act_chain_is_no_longer_than_a_path(depth: int) -> None:
    """The bound itself is allowed, one more is not."""
    chain: dict[str, object] = {"sub": "agent:root"}
    for _ in range(depth - 2):
        chain = {"sub": "agent:middle", "act": chain}
    changed = mint.claims(act={"sub": "agent:helper", "act": chain})

    if depth <= MAX_DEPTH:
        assert len(read_claims(changed).actors) == depth
    else:
        with pytest.raises(TokenMalformedError):
            read_claims(changed)


@pytest.mark.parametrize("name", sorted(RESTRICTING_CLAIMS))
def test_a_restriction_that_cannot_be_checked_is_refused(name: str) -> None:
    """A token bound to a key must not be taken for a bearer token."""
    with pytest.raises(TokenMalformedError):
        read_claims(mint.claims(**{name: {"jkt": "x"}}))
