"""A capability may say what its credentials are for."""

import msgspec
import pytest

from broker.governance.bundle import Bundle
from broker.governance.difference import difference
from broker.governance.records import CapabilityRecord
from broker.reach.lines import ReachLine
from broker.store import codec
from tests.fakes.bundles import BundleFolder

READ = '{scopes: [orders:read], host: orders.example, methods: [GET, HEAD], paths: ["/v1/**"]}'
WRITE = '{scopes: [orders:write], host: orders.example, methods: [POST], paths: ["/v1/orders"]}'
BEFORE = "    data_class: internal              # for policies"
PLAIN = (
    b'{"audience":"orders","backend":"jwt","data_class":null,"default_ttl_seconds":60,'
    b'"max_ttl_seconds":60,"name":"orders-api","renewable":true,"scopes":["read"],'
    b'"tenants":["acme"]}'
)
"""The text of a capability as brokers have always written it."""
OF_PLAIN = (
    '{"name":"orders-api","backend":"jwt","audience":"orders","scopes":["read"],"max_ttl_ms":60000,'
    '"default_ttl_ms":60000,"tenants":["acme"],"data_class":"","renewable":true,"target":"",'
    '"template":"","about":"","break_glass":null}'
)
"""And as what people agree to is bound to it."""


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> BundleFolder:
    """The shipped bundle."""
    return BundleFolder(tmp_path_factory.mktemp("reach"))


def declare(folder: BundleFolder, *lines: str) -> int:
    """Write a reach at the first capability; return the line of its first entry."""
    written = "".join(f"      - {line}\n" for line in lines)
    return folder.edit("capabilities.yaml", BEFORE, f"    reach:\n{written}{BEFORE}") + 1


def test_a_capability_without_one_keeps_its_bytes() -> None:
    """So no digest of a bundle, and nothing that was agreed to, changes by an update."""
    record = msgspec.json.decode(PLAIN, type=CapabilityRecord)

    assert msgspec.json.encode(record, order="sorted") == PLAIN
    assert codec.encode(record.capability()) == OF_PLAIN


def test_scopes_open_what_is_declared_for_them(folder: BundleFolder) -> None:
    """Published and read back."""
    declare(folder, READ, WRITE)
    bundle = Bundle.from_bytes(Bundle.from_files(folder.files).to_bytes())

    capability = bundle.document.capabilities_by_name()["orders-api"]

    read = ReachLine(host="orders.example", methods=("GET", "HEAD"), paths=("/v1/**",))
    write = ReachLine(host="orders.example", methods=("POST",), paths=("/v1/orders",))
    assert capability.reach_of(["orders:read"]) == (read,)
    assert capability.reach_of(["orders:write"]) == (write,)
    assert set(capability.reach_of(["orders:read", "orders:write"]) or ()) == {read, write}
    others = bundle.document.capabilities_by_name()["reports-read"]
    assert others.reach_of(["reports:read"]) is msgspec.UNSET


def test_order_does_not_change_the_digest(folder: BundleFolder) -> None:
    """Of lines, scopes and methods; lines of which one has no scopes have an order, too."""
    twin = READ.replace("scopes: [orders:read], ", "")
    declare(folder, READ, WRITE, twin)
    before = Bundle.from_files(folder.files)

    folder.edit("capabilities.yaml", f"      - {READ}\n", "")
    folder.edit("capabilities.yaml", f"      - {twin}\n", f"      - {twin}\n      - {READ}\n")
    folder.edit("capabilities.yaml", "[GET, HEAD]", "[HEAD, GET]")

    assert Bundle.from_files(folder.files).to_bytes() == before.to_bytes()


def test_what_changes_is_shown(folder: BundleFolder) -> None:
    """To whoever looks before it is published."""
    before = Bundle.from_files(folder.files).document
    declare(folder, READ)

    (change,) = difference(before, Bundle.from_files(folder.files).document)

    assert (change.name, [member.name for member in change.members]) == ("orders-api", ["reach"])


FAULTS = {
    "scope": (READ.replace("orders:read", "orders:export"), "[0].scopes[0]", "no scope of it"),
    "no-scope": (READ.replace("orders:read", ""), "[0].scopes", "empty, so nothing would open it"),
    "host": (READ.replace("orders.example", "Orders.example"), "[0].host", "cannot be meant"),
    "wildcard": (READ.replace("orders.example", '"*.example"'), "[0].host", "cannot be meant"),
    "method": (READ.replace("HEAD", "CONNECT"), "[0].methods", "cannot be meant"),
    "small": (READ.replace("HEAD", "head"), "[0].methods", "cannot be meant"),
    "path": (READ.replace("/v1/**", "/v1/%2e%2e/x"), "[0].paths", "cannot be meant"),
    "rest": (READ.replace("/v1/**", "/**/x"), "[0].paths", "cannot be meant"),
    "port": (
        READ.replace("methods", "port: 70000, methods"),
        "[0].port",
        "Expected `int` <= 65535",
    ),
    "scheme": (READ.replace("methods", "scheme: ftp, methods"), "[0].scheme", "Invalid enum"),
    "unknown": (READ.replace("methods", "queries: [a], methods"), "[0].queries", "no such setting"),
    "missing": (READ.replace("host: orders.example, ", ""), "[0].host", "missing"),
}


@pytest.mark.parametrize(("line", "key", "message"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_meant_is_told_where_it_stands(
    folder: BundleFolder, line: str, key: str, message: str
) -> None:
    """With file and line."""
    at = declare(folder, line)

    (told,) = folder.told()

    assert told.startswith(f"capabilities.yaml:{at} capabilities[0].reach{key}: "), told
    assert message in told


def test_no_line_at_all_is_a_fault(folder: BundleFolder) -> None:
    """Whoever means nothing gives no capability."""
    folder.edit("capabilities.yaml", BEFORE, f"    reach: []\n{BEFORE}")

    (told,) = folder.told()

    assert "capabilities[0].reach: empty, so its credentials would be for nothing" in told


def test_a_login_to_a_database_has_none(folder: BundleFolder) -> None:
    """The injecting proxy does not look at SQL: what a role may do is the role's affair."""
    declare(folder, READ)
    folder.edit("capabilities.yaml", "backend: jwt  ", "backend: postgres\n    target: db  ")

    assert any("capabilities[0].reach: postgres speaks no HTTP" in told for told in folder.told())
