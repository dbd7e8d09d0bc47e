from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.client.deny import CutDenial, Denial, DenySet, IdDenial, digest_of
from broker.client.token import VerifiedToken, read_claims
from tests.fakes import token_mint as mint

LATER = mint.NOW_MS // 1000 + 3600
OTHER_LEASE = "l_03_" + "z" * 26


def token(**changes: object) -> VerifiedToken:
    """Return a good token of agent helper, delegated by planner, in tenant acme."""
    return read_claims(mint.claims(**changes))


def deny_set(*denials: Denial) -> DenySet:
    """Return a set of these."""
    denied = DenySet()
    for denial in denials:
        denied.add(denial)
    return denied


def cut(of: str, name: str = "", tenant: str = "", before_ms: int = mint.NOW_MS) -> CutDenial:
    """Return a cut that stands until long after the token has expired."""
    return CutDenial(of, name, tenant, before_ms, LATER)


def test_an_empty_set_covers_nothing() -> None:
    """Nothing is dead before anything was said."""
    assert not DenySet().covers(token())


@pytest.mark.parametrize(
    ("dead", "is_covered"),
    [
        (mint.LEASE, True),
        (mint.CHILD, True),
        (mint.ROOT, True),
        (OTHER_LEASE, False),
        ("t_03_" + "z" * 26, False),
    ],
)
def test_a_dead_lease_task_or_ancestor_covers_the_token(dead: str, *, is_covered: bool) -> None:
    """Every id on the path counts, the lease counts, and no other id does."""
    assert deny_set(IdDenial(dead, LATER)).covers(token()) is is_covered


def test_a_dead_lease_covers_all_its_generations() -> None:
    """Renewing does not outrun a revocation."""
    assert deny_set(IdDenial(mint.LEASE, LATER)).covers(token(jti=f"{mint.LEASE}.7"))


@pytest.mark.parametrize(
    ("of", "name"),
    [
        ("all", ""),
        ("agent", "helper"),
        ("agent", "planner"),
        ("capability", "orders-api"),
        ("issuer", "https://ci.example"),
        ("tenant", "acme"),
        ("task", mint.ROOT),
        ("task", mint.CHILD),
    ],
)
@pytest.mark.parametrize("tenant", ["", "acme", "other"])
def test_a_cut_covers_what_it_names_in_the_tenants_it_names(
    of: str, name: str, tenant: str
) -> None:
    """Agent (and who it acts for), capability, issuer, tenant, all; confined when the cut says."""
    assert deny_set(cut(of, name, tenant)).covers(token()) is (tenant != "other")


@pytest.mark.parametrize(
    ("of", "name"),
    [
        ("agent", "help"),
        ("agent", "helper2"),
        ("agent", "acme"),
        ("capability", "helper"),
        ("issuer", "https://broker.example"),
        ("tenant", "acm"),
        ("tenant", "helper"),
        ("task", f"t_00_{'b' * 26}"),
        ("agent", mint.ROOT),
    ],
)
def test_a_cut_of_another_name_covers_nothing(of: str, name: str) -> None:
    """Names are compared whole and within their own kind."""
    assert not deny_set(cut(of, name)).covers(token())


@pytest.mark.parametrize(("offset_ms", "is_covered"), [(-1, False), (0, True), (1, True)])
@pytest.mark.parametrize(
    ("of", "name"), [("all", ""), ("agent", "planner"), ("tenant", "acme"), ("task", mint.ROOT)]
)
def test_a_cut_covers_what_was_issued_at_or_before_it(
    of: str, name: str, offset_ms: int, *, is_covered: bool
) -> None:
    """The very millisecond of the cut is dead; the one after it is alive."""
    denied = deny_set(cut(of, name, before_ms=mint.NOW_MS + offset_ms))

    assert denied.covers(token()) is is_covered


def test_a_later_cut_does_not_take_an_earlier_one_back() -> None:
    """Whatever order cuts of one name come in, the latest instant and the latest end stand."""
    young, old = cut("agent", "helper"), cut("agent", "helper", before_ms=mint.NOW_MS - 5_000)

    for order in ((young, old), (old, young)):
        assert deny_set(*order).covers(token())
        assert deny_set(*order).digest(0) == deny_set(young).digest(0)


@pytest.mark.parametrize(("offset_ms", "is_kept"), [(-1, True), (0, False), (1, False)])
def test_a_denial_is_forgotten_at_its_end(offset_ms: int, *, is_kept: bool) -> None:
    """A millisecond before its end it is kept; at its end it goes."""
    denied = deny_set(IdDenial(OTHER_LEASE, LATER), cut("all"))

    denied.forget(LATER * 1000 + offset_ms)

    assert len(denied) == (2 if is_kept else 0)


@pytest.mark.parametrize(("offset_s", "is_covered"), [(-1, True), (0, True), (1, False)])
def test_what_was_forgotten_stays_dead_when_a_clock_is_set_back(
    offset_s: int, *, is_covered: bool
) -> None:
    """A token that had ended when its denial was forgotten never comes back."""
    expires = mint.NOW_MS // 1000 + 300
    denied = deny_set(IdDenial(mint.LEASE, expires))

    denied.forget(expires * 1000)

    assert len(denied) == 0
    assert denied.covers(token(exp=expires + offset_s)) is is_covered


def test_a_prolonged_denial_is_kept_until_its_last_end() -> None:
    """The first end does not take away what was said again with a later one."""
    denied = deny_set(IdDenial(mint.LEASE, LATER), IdDenial(mint.LEASE, LATER + 10))

    denied.forget(LATER * 1000 + 1)
    assert denied.covers(token(exp=LATER + 5))

    denied.forget((LATER + 10) * 1000)
    assert len(denied) == 0


def test_forgetting_goes_in_steps() -> None:
    """One call drops at most so many, so that a mass expiry never blocks the loop."""
    denied = deny_set(*(IdDenial(f"l_{number}", LATER) for number in range(25)))

    for left in (15, 5, 0):
        denied.forget(LATER * 1000, limit=10)
        assert len(denied) == left


DENIALS = st.one_of(
    st.builds(
        IdDenial,
        st.sampled_from([mint.LEASE, mint.ROOT, mint.CHILD, OTHER_LEASE]),
        st.integers(1, 6),
    ),
    st.builds(
        CutDenial,
        st.sampled_from(["agent", "issuer"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["", "t"]),
        st.integers(0, 5),
        st.integers(1, 6),
    ),
)


@given(st.lists(DENIALS), st.randoms(use_true_random=False), st.integers(0, 7_000))
def test_the_digest_depends_on_what_is_in_force_alone(
    denials: list[Denial], shuffler: object, at_ms: int
) -> None:
    """Order, repetition and what has already been forgotten do not show in the digest."""
    shuffled = [*denials, *denials]
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis passes a random.Random
    pruned = deny_set(*shuffled)
    pruned.forget(at_ms)

    assert digest_of(denials, at_ms) == pruned.digest(at_ms)


def test_different_sets_have_different_digests() -> None:
    """Kind, name, confinement, instant and end all show."""
    one = [cut(of, name, tenant) for of, name, tenant in product(["agent", "tenant"], "ab", "xy")]
    sets = [
        [],
        *([each] for each in one),
        [cut("agent", "a", "x", before_ms=1)],
        [CutDenial("agent", "a", "x", mint.NOW_MS, LATER + 1)],
        [IdDenial(mint.LEASE, LATER)],
        [IdDenial(mint.LEASE, LATER + 1)],
        [IdDenial(mint.ROOT, LATER)],
    ]

    assert len({digest_of(each, 0) for each in sets}) == len(sets)


@pytest.mark.parametrize("issued_after_ms", [-1, 0, 1, 3_600_000])
def test_a_stolen_key_covers_whatever_it_signed(issued_after_ms: int) -> None:
    """Who has the key writes any instant into a token: the instant is not asked."""
    issued_ms = mint.NOW_MS + issued_after_ms
    forged = read_claims(
        mint.claims(iat_ms=issued_ms, iat=issued_ms // 1000, exp=LATER + 7200), "k-stolen"
    )
    denied = deny_set(cut("key", "k-stolen"))

    assert denied.covers(forged)


def test_a_stolen_key_covers_nothing_of_other_keys() -> None:
    """Not by another's name, and not by none."""
    denied = deny_set(cut("key", "k-stolen"))

    assert not denied.covers(read_claims(mint.claims(), "k-other"))
    assert not denied.covers(token())
