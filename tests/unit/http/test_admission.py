"""Counting places."""

import pytest

from broker.http.admission import LOCAL, Admission
from broker.http.limits import Limits


def admission(*, total: int = 100, per_peer: int = 2, proxies: tuple[str, ...] = ()) -> Admission:
    """Make one with small numbers."""
    return Admission(
        Limits(max_connections=total, max_connections_per_peer=per_peer, trusted_proxies=proxies)
    )


def test_a_peer_has_so_many_places_and_no_more() -> None:
    """Others are not touched by it."""
    places = admission()

    assert [places.admit("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert places.admit("192.0.2.2")
    assert places.connections == 3


def test_all_together_have_so_many_places_and_no_more() -> None:
    """Whoever they are."""
    places = admission(total=2)

    assert [places.admit(f"192.0.2.{n}") for n in range(3)] == [True, True, False]


def test_places_come_back() -> None:
    """Exactly those that were taken; a peer without places leaves nothing behind."""
    places = admission()
    for _ in range(1_000):
        assert places.admit("192.0.2.1")
        places.leave("192.0.2.1")

    assert places.connections == 0
    assert [places.admit("192.0.2.1") for _ in range(3)] == [True, True, False]


def test_local_callers_count_in_all_only() -> None:
    """A unix socket has no peers to tell apart."""
    places = admission(total=4)

    assert [places.admit(LOCAL) for _ in range(5)] == [True] * 4 + [False]
    places.leave(LOCAL)
    assert places.admit(LOCAL)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8:0:0:ffff::1", "2001:db8::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_a_site_is_one_peer(one: str, other: str, *, same: bool) -> None:
    """Whoever has one address of an IPv6 /64 has them all."""
    places = admission(per_peer=1)
    assert places.admit(one)

    assert places.admit(other) is not same


def test_a_trusted_proxy_has_no_share_of_its_own() -> None:
    """Its connections carry many clients."""
    places = admission(proxies=("10.0.0.0/8",))

    assert all(places.admit("10.1.1.1") for _ in range(5))
    for _ in range(5):
        places.leave("10.1.1.1")
    assert places.connections == 0


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.0.0.1", True),
        ("11.0.0.1", False),
        ("2001:db8::7", True),
        ("unknown", False),
        ("", False),
        ("10.0.0.1:80", False),
    ],
)
def test_trust_is_for_listed_networks(address: str, *, trusted: bool) -> None:
    """Only for addresses, and only for those."""
    places = admission(proxies=("10.0.0.0/8", "2001:db8::/32"))

    assert places.trusts(address) is trusted


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["198.51.100.1"], "198.51.100.1"),
        (["192.0.2.66, 198.51.100.1"], "198.51.100.1"),
        (["192.0.2.66", "198.51.100.1"], "198.51.100.1"),
        (["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        (["198.51.100.1,10.0.0.2 , 10.0.0.3"], "198.51.100.1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["10.0.0.2"], "10.0.0.1"),
        ([], "10.0.0.1"),
        ([""], "10.0.0.1"),
        (["unknown"], "10.0.0.1"),
        (["198.51.100.1, _hidden"], "10.0.0.1"),
        (["198.51.100.1:4711"], "10.0.0.1"),
    ],
)
def test_the_client_is_the_last_hop_that_is_no_proxy(forwarded: list[str], client: str) -> None:
    """What stands left of it, the client may have written itself; garbage counts for the proxy."""
    places = admission(proxies=("10.0.0.0/8",))

    assert places.client_behind("10.0.0.1", forwarded) == client
