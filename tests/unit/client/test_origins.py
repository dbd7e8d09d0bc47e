import pytest

from broker.client.origins import ForeignServerError, Origins


@pytest.mark.parametrize(
    ("url", "is_it"),
    [
        ("https://orders.example/orders?x=1", True),
        ("https://ORDERS.example:443/", True),
        ("https://orders.example:8443/", False),
        ("http://orders.example/", False),
        ("https://orders.example.evil/", False),
        ("https://orders.example@evil.example/", False),
        ("https://evil.example/https://orders.example/", False),
        ("//orders.example/", False),
        ("/orders", False),
        ("", False),
        ("https://[", False),
        ("file:///orders.example", False),
    ],
)
def test_a_server_is_scheme_host_and_port(url: str, is_it: bool) -> None:  # noqa: FBT001 - what is expected
    """All three, and nothing that only looks like them."""
    origins = Origins("https://orders.example/some/path")

    assert origins.has(url) is is_it
    if not is_it:
        with pytest.raises(ForeignServerError):
            origins.require(url)


@pytest.mark.parametrize("only_for", [(), ("orders.example",), ("http://orders.example",), ("",)])
def test_a_credential_is_for_named_servers_by_tls(only_for: tuple[str, ...]) -> None:
    """No name, or one by which it would travel in clear text, is a mistake."""
    with pytest.raises(ValueError, match=r"."):
        Origins(*only_for)
