import ipaddress

import pytest

from broker.attestation.key_url import is_never_dialled, is_public, origin, url_fault


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example/jwks",
        "HTTP://issuer.example/jwks",
        "http://2130706433/jwks",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/",
        "ftp://issuer.example/",
        "file:///etc/passwd",
        "//issuer.example/jwks",
        "https://user@issuer.example/",
        "https://:p@issuer.example/",
        "https://issuer.example/#",
        "https://issuer.example/a b",
        "https://issuer.example\\@evil.example/",
        "https://issuer.example/\n",
        "https://iss\u0443er.example/",
        "https://",
        "",
    ],
)
def test_c8_a_url_that_keys_must_not_come_from_is_refused_with_a_remedy(url: str) -> None:
    """Whoever named it, an operator or an issuer's metadata."""
    fault = url_fault(url)

    assert fault is not None
    assert all(fault)


@pytest.mark.parametrize(
    "url", ["https://a.example/j?x=1", "http://127.0.0.1:1/j", "http://[::1]/j", "http://localhost"]
)
def test_tls_anywhere_and_plain_http_on_this_machine_pass(url: str) -> None:
    """A throw-away issuer needs no certificate."""
    assert url_fault(url) is None


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://issuer.example/", True),
        ("https://10.0.0.1:6443/openid/v1/jwks", True),
        ("https://127.0.0.1/", False),
        ("https://localhost/", False),
        ("https://a.localhost/", False),
        ("https://[::1]/", False),
        ("https://[::ffff:127.0.0.1]/", False),
        ("https://[::ffff:169.254.169.254]/", False),
        ("https://169.254.169.254/", False),
        ("https://[fe80::1]/", False),
        ("https://0.0.0.0/", False),
        ("https://224.0.0.1/", False),
    ],
)
def test_c8_addresses_of_this_machine_and_its_link_are_told_apart(
    url: str, *, public: bool
) -> None:
    """Also in their other spellings; a private network may have an API server."""
    assert is_public(url) is public


def test_c8_cloud_metadata_is_never_dialled() -> None:
    """Under no name."""
    assert is_never_dialled(ipaddress.ip_address("169.254.169.254"))
    assert is_never_dialled(ipaddress.ip_address("::ffff:169.254.169.254"))
    assert not is_never_dialled(ipaddress.ip_address("10.0.0.1"))


def test_an_origin_is_scheme_host_and_port() -> None:
    """A port that goes without saying is the same as one that is said."""
    assert origin("https://a.example/x") == origin("https://a.example:443/y")
    assert origin("https://a.example/x") != origin("https://a.example:6443/x")
    assert origin("http://a.example/x") == ("http", "a.example", 80)
