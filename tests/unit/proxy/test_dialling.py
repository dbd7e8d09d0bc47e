import pytest

from broker.proxy.dialling import may_reach

METADATA = [
    *("169.254.169.254", "169.254.170.2", "fe80::a9fe:a9fe", "fe80::1%eth0", "fd00:ec2::254%1"),
    *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "168.63.129.16", "100.100.100.200"),
    *("192.0.0.192", "::", "224.0.0.1", "ff02::1", "not-an-address", ""),
]
DISGUISED = [
    *("::ffff:169.254.169.254", "::169.254.169.254", "::ffff:0:169.254.169.254"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::1"),
]
LOCAL = [
    *("127.0.0.1", "::1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "100.64.0.1", "fd12::1"),
    *("fec0::1", "::127.0.0.1", "64:ff9b:1::a00:1", "::ffff:10.0.0.1", "2002:a00:1::"),
]


@pytest.mark.parametrize("address", [*METADATA, *DISGUISED])
def test_what_hands_out_credentials_is_never_reached(address: str) -> None:
    """Also where local addresses are."""
    assert not may_reach(address, local=True)


@pytest.mark.parametrize("address", LOCAL)
def test_what_is_local_is_reached_where_that_was_declared(address: str) -> None:
    """And nowhere else, however it is written."""
    assert may_reach(address, local=True)
    assert not may_reach(address, local=False)


@pytest.mark.parametrize("address", ["192.0.43.8", "2001:500:88:200::8", "64:ff9b::c000:2b08"])
def test_what_is_public_is_reached(address: str) -> None:
    """Also behind a translation."""
    assert may_reach(address, local=False)
