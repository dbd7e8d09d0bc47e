import pytest

from broker.http.origin import origin_of


@pytest.mark.parametrize(
    ("claims", "address", "origin"),
    [
        ({}, "192.0.2.77", "net:192.0.2.0/24"),
        ({}, "2001:db8:1:2::3", "net:2001:db8:1::/48"),
        ({}, "127.0.0.1", ""),
        ({}, "", ""),
        ({}, "unknown", ""),
        ({"region": "eu-west-1", "country": "NL"}, "192.0.2.77", "country:NL"),
        ({"zone": "a"}, "", "zone:a"),
        ({"country": "N\u202eL"}, "192.0.2.77", "net:192.0.2.0/24"),
        ({"country": 7}, "192.0.2.77", "net:192.0.2.0/24"),
    ],
)
def test_a_place_is_named_by_what_is_signed_or_else_by_the_network(
    claims: dict[str, str | int | bool], address: str, origin: str
) -> None:
    """Never by one address, and by nothing that is no name."""
    assert origin_of(claims, address) == origin
