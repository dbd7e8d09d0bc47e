"""The address of a Redis in parts."""

import pytest

from broker.settings.store_url import StoreUrl, StoreUrlError, parse_store_url


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("redis://host", StoreUrl(host="host", port=6379, db=0)),
        ("redis://host/", StoreUrl(host="host", port=6379, db=0)),
        ("redis://host:7000/3", StoreUrl(host="host", port=7000, db=3)),
        ("rediss://[fe80::1]:7000", StoreUrl(host="fe80::1", port=7000, is_tls=True)),
        ("unix:///run/a%20b.sock", StoreUrl(path="/run/a b.sock")),
    ],
)
def test_the_parts_are_taken_as_written(url: str, parts: StoreUrl) -> None:
    """Host, port, database, TLS; or the path of a socket."""
    assert parse_store_url(url) == parts


def test_port_zero_is_no_port() -> None:
    """Nothing listens there, so it is not read as the default."""
    with pytest.raises(StoreUrlError):
        parse_store_url("redis://host:0")
