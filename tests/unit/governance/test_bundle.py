"""A bundle is checked whole, or it is none."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from broker.errors import ConfigurationError
from broker.governance.bundle import Bundle
from broker.governance.document import MAX_BYTES
from broker.settings.load import Reading
from broker.settings.settings import BundleFiles
from tests.fakes.bundles import BundleFolder
from tests.fakes.policy import CONFIG

SHIPPED = Bundle.from_files(
    BundleFiles(
        agents=CONFIG / "agents.yaml",
        capabilities=CONFIG / "capabilities.yaml",
        resource_servers=CONFIG / "resource_servers.yaml",
        schema=CONFIG / "schema.cedarschema",
        policies=CONFIG / "policies",
    )
)


@pytest.fixture
def folder(tmp_path: Path) -> BundleFolder:
    """The shipped bundle, to be spoiled."""
    return BundleFolder(tmp_path)


def told_of(raw: bytes) -> list[str]:
    """Read published bytes that are faulty and return what is told of them."""
    with pytest.raises(ConfigurationError) as caught:
        Bundle.from_bytes(raw)
    return [f"{f.file} {f.key}: {f.message}" for f in caught.value.faults]


def respelled(bundle: Bundle, **changes: object) -> bytes:
    """Change the document and write it canonically, as a careful attacker would."""
    document = json.loads(bundle.to_bytes()) | changes
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_what_was_published_is_read_as_what_it_was(folder: BundleFolder) -> None:
    """Bytes and back is the same bundle with the same digest."""
    bundle = Bundle.from_files(folder.files)

    assert Bundle.from_bytes(bundle.to_bytes()) == bundle


def test_order_and_comments_do_not_change_the_digest(folder: BundleFolder) -> None:
    """The same content in another order is the same bundle, byte for byte."""
    before = Bundle.from_files(folder.files)

    folder.edit("capabilities.yaml", "[acme, globex]", "[globex, acme]   # swapped")
    folder.edit("capabilities.yaml", "[orders:read, orders:write]", "[orders:write, orders:read]")
    folder.edit("agents.yaml", "- name: acme", "- {name: globex}\n  - name: acme")
    folder.edit("agents.yaml", "  - name: globex\n", "")

    assert Bundle.from_files(folder.files).to_bytes() == before.to_bytes()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("agents.yaml", "risk: medium", "risk: low"),
        ("capabilities.yaml", "max_ttl_seconds: 900", "max_ttl_seconds: 899"),
        ("resource_servers.yaml", "staleness_ms: 5000", "staleness_ms: 5001"),
        ("policies/10-tasks.cedar", "<= 3600", "<= 3601"),
        ("policies/tests.yaml", "an agent reads", "an agent reads orders"),
        ("schema.cedarschema", "  purpose: String,\n", "  purpose: String, // why\n"),
    ],
)
def test_any_change_of_content_changes_the_digest(
    folder: BundleFolder, file: str, old: str, new: str
) -> None:
    """Each file counts."""
    before = Bundle.from_files(folder.files).digest

    folder.edit(file, old, new)

    assert Bundle.from_files(folder.files).digest != before


def test_faults_of_all_files_come_together(folder: BundleFolder) -> None:
    """A mistake in each file is told in one go, each with its file and line."""
    lines = [
        folder.edit("agents.yaml", "risk: low", "risk: lowish"),
        folder.edit("capabilities.yaml", "renewable: true", "renewable: perhaps"),
        folder.edit("resource_servers.yaml", "check: feed", "check: fed"),
        folder.edit("policies/tests.yaml", "expect: allow", "expect: yes"),
        folder.edit("policies/10-tasks.cedar", '@id("agents-delegate")', "") + 1,
        folder.edit("policies/90-limits.cedar", "forbid (", "forbid ((") - 2,
    ]
    folder.write("schema.cedarschema", "entity;")

    faults = folder.told()

    places = [fault.partition(" ")[0] for fault in faults]
    assert places == [
        f"agents.yaml:{lines[0]}",
        f"capabilities.yaml:{lines[1]}",
        f"resource_servers.yaml:{lines[2]}",
        f"tests.yaml:{lines[3]}",
        "schema.cedarschema:0",
        f"10-tasks.cedar:{lines[4]}",
        f"90-limits.cedar:{lines[5]}",
    ]


def test_a_folder_without_policies_is_a_fault(folder: BundleFolder) -> None:
    """Neither an empty folder nor a missing one passes for policies."""
    for path in folder.files.policies.glob("*.cedar"):
        path.unlink()
    (empty, *_) = folder.told()
    assert empty.startswith("policies:0 : no *.cedar file")

    (folder.files.policies / "tests.yaml").unlink()
    folder.files.policies.rmdir()
    (missing, *_) = folder.told()
    assert missing.startswith("policies:0 : cannot be read: No such file")


def test_expectations_under_another_name_are_not_silently_left_out(
    folder: BundleFolder,
) -> None:
    """A mistyped ``tests.yaml`` would test nothing."""
    (folder.files.policies / "tests.yaml").rename(folder.files.policies / "test.yaml")

    assert folder.told() == ["test.yaml:0 : is not read"]


def test_what_editors_leave_behind_is_not_policy(folder: BundleFolder) -> None:
    """Names that begin with a dot are never content."""
    before = Bundle.from_files(folder.files).digest

    folder.write("policies/.#10-tasks.cedar", "half a policy")

    assert Bundle.from_files(folder.files).digest == before


def test_a_bundle_is_part_of_a_larger_reading(folder: BundleFolder) -> None:
    """Faults found before neither hide the bundle's faults nor are hidden by them."""
    folder.edit("agents.yaml", "risk: low", "risk: lowish")
    reading = Reading()
    reading.read(folder.folder / "missing.yaml", dict)

    assert Bundle.read(folder.files, reading) is None

    assert [Path(f.file).name for f in reading.faults] == ["missing.yaml", "agents.yaml"]


def test_a_sound_bundle_is_read_beside_faulty_settings(folder: BundleFolder) -> None:
    """What is wrong elsewhere does not make the bundle wrong."""
    reading = Reading()
    reading.read(folder.folder / "missing.yaml", dict)

    assert Bundle.read(folder.files, reading) is not None


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"null", b"[]", b"\xff", b'{"version":1', b"[" * 100_000, b"x" * (MAX_BYTES + 1)],
)
def test_bytes_that_are_no_bundle_are_refused(raw: bytes) -> None:
    """What stands in the ledger is not trusted to be what was written there."""
    (fault,) = told_of(raw)

    assert fault.startswith("published bundle : ")


def test_bytes_that_are_not_canonical_are_refused(folder: BundleFolder) -> None:
    """Two spellings of one content would have two digests."""
    raw = Bundle.from_files(folder.files).to_bytes()

    assert told_of(raw + b"\n") == ["published bundle : not the canonical text"]
    assert told_of(b" " + raw) == ["published bundle : not the canonical text"]


def test_published_bytes_pass_every_check_again(folder: BundleFolder) -> None:
    """Who can write to the ledger still cannot publish what no file could hold."""
    bundle = Bundle.from_files(folder.files)
    permissive = [{"file": "x.cedar", "text": '@id("x") permit (principal, action, resource);'}]
    servers = json.loads(bundle.to_bytes())["resource_servers"][:1]

    assert any("not registered" in f for f in told_of(respelled(bundle, policies=permissive)))
    capabilities = json.loads(bundle.to_bytes())["capabilities"]
    capabilities[0]["default_ttl_seconds"] = 901
    assert told_of(respelled(bundle, capabilities=capabilities)) == [
        "published bundle capabilities[0].default_ttl_seconds: above max_ttl_seconds"
    ]
    assert told_of(respelled(bundle, policies=[]))[0].endswith("no permit anywhere")
    assert "no tenant is called" in told_of(respelled(bundle, tenants=[]))[0]
    assert told_of(respelled(bundle, version=2))[0].startswith("published bundle : not a bundle")
    assert told_of(respelled(bundle, extra=1))[0].startswith("published bundle : not a bundle")
    assert Bundle.from_bytes(respelled(bundle, resource_servers=servers))


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_flipped_byte_is_never_the_same_bundle(data: st.DataObject) -> None:
    """Damage is refused, or is another bundle with another digest; it never passes unseen."""
    raw = bytearray(SHIPPED.to_bytes())
    index = data.draw(st.integers(0, len(raw) - 1))
    raw[index] ^= data.draw(st.integers(1, 255))

    try:
        digest = Bundle.from_bytes(bytes(raw)).digest
    except ConfigurationError:
        return
    assert digest != SHIPPED.digest


def test_what_an_agent_does_not_state_is_not_written(folder: BundleFolder) -> None:
    """A bundle of before has the same bytes, and the same digest, as it always had."""
    tests = folder.files.policies / "tests.yaml"
    tests.write_text(tests.read_text().partition("\n  - name: an agent exports orders")[0])
    folder.edit("capabilities.yaml", "    about: dataset:orders ", "    # ")

    raw = Bundle.from_files(folder.files).to_bytes()

    assert not any(
        b'"%s":' % word in raw for word in (b"review_by", b"identities", b"facts", b"at", b"about")
    )


def test_what_an_agent_and_a_capability_state_is_published(folder: BundleFolder) -> None:
    """Identities in whatever order, a review date, an owner among the facts, a thing."""
    folder.edit(
        "agents.yaml",
        "owner: controlling@acme.example",
        "owner: person:dana\n    review_by: '2031-02-28'\n    identities:\n"
        "      - {issuer: 'https://b.example', subject: 'x*'}\n"
        "      - {issuer: 'https://a.example', subject: 'y'}",
    )
    folder.edit(
        "capabilities.yaml",
        "data_class: internal",
        "data_class: internal\n    about: dataset:orders",
    )

    document = Bundle.from_bytes(Bundle.from_files(folder.files).to_bytes()).document

    bot = next(agent for agent in document.agents if agent.name == "report-bot")
    assert bot.identities is not UNSET
    assert [each.issuer for each in bot.identities] == ["https://a.example", "https://b.example"]
    assert document.capabilities_by_name()["orders-api"].about == "dataset:orders"


@pytest.mark.parametrize(
    ("file", "stated", "told"),
    [
        ("agents.yaml", "owner: 'person:'", "owner: no name after the colon"),
        ("agents.yaml", "owner: 'team: x'", "owner: no name after the colon"),
        ("agents.yaml", "owner: o\n    review_by: '2031-02-30'", "review_by: no day"),
        ("agents.yaml", "owner: o\n    review_by: 'soon'", "review_by: not of the form"),
        ("agents.yaml", "owner: o\n    identities: []", "identities: empty"),
        (
            "agents.yaml",
            "owner: o\n    identities: [{issuer: a, subject: 'a*b'}]",
            "not of the form",
        ),
        ("capabilities.yaml", "about: person:x", "about: not of the form"),
        ("capabilities.yaml", "about: 'dataset:a\"b'", "about: not of the form"),
    ],
)
def test_what_is_malformed_is_told(folder: BundleFolder, file: str, stated: str, told: str) -> None:
    """An owner without a name, a day that is none, nobody at all, a star in the middle."""
    if file == "agents.yaml":
        folder.edit(file, "owner: controlling@acme.example", stated)
    else:
        folder.edit(file, "data_class: internal", stated)

    assert any(told in fault for fault in folder.told())
