"""What changes between two bundles, as an operator reads it."""

import pytest
from msgspec.structs import replace

from broker.governance.bundle import Bundle
from broker.governance.difference import Change, ChangeKind, MemberChange, difference
from broker.governance.document import BundleDocument, PolicyFile
from broker.settings.settings import BundleFiles
from tests.fakes.policy import CONFIG

SHIPPED: BundleDocument = Bundle.from_files(
    BundleFiles(
        agents=CONFIG / "agents.yaml",
        capabilities=CONFIG / "capabilities.yaml",
        resource_servers=CONFIG / "resource_servers.yaml",
        schema=CONFIG / "schema.cedarschema",
        policies=CONFIG / "policies",
    )
).document


def with_capability(**changes: object) -> BundleDocument:
    """The shipped bundle with its first capability changed."""
    first, *others = SHIPPED.capabilities
    return replace(SHIPPED, capabilities=(replace(first, **changes), *others))


def with_policy(text: str) -> BundleDocument:
    """The shipped bundle with the text of its first policy file changed."""
    first, *others = SHIPPED.policies
    return replace(SHIPPED, policies=(replace(first, text=text), *others))


def test_the_same_is_no_difference() -> None:
    """Nothing to read, nothing to publish."""
    assert difference(SHIPPED, SHIPPED) == ()


def test_a_member_is_shown_as_it_was_and_is() -> None:
    """By the record's name, with nothing that stayed."""
    (change,) = difference(SHIPPED, with_capability(max_ttl_seconds=60))

    assert (change.section, change.name, change.kind) == (
        "capabilities",
        SHIPPED.capabilities[0].name,
        ChangeKind.CHANGED,
    )
    was = SHIPPED.capabilities[0].max_ttl_seconds
    assert change.members == (MemberChange("max_ttl_seconds", was, 60),)


def test_of_a_list_of_names_only_what_came_and_went_is_shown() -> None:
    """In whatever order the file has them."""
    scopes = SHIPPED.capabilities[0].scopes

    (change,) = difference(SHIPPED, with_capability(scopes=(*scopes[1:], "orders:new")))

    assert change.members == (MemberChange("scopes", [scopes[0]], ["orders:new"]),)


@pytest.mark.parametrize("section", ["agents", "capabilities", "resource_servers", "operators"])
def test_what_comes_and_what_goes_is_named(section: str) -> None:
    """Records of every section; a new one with all that it says."""
    records = getattr(SHIPPED, section)
    fewer = replace(SHIPPED, **{section: records[1:]})

    (gone,) = difference(SHIPPED, fewer)
    (come,) = difference(fewer, SHIPPED)

    assert (gone.kind, come.kind) == (ChangeKind.REMOVED, ChangeKind.ADDED)
    assert gone.name == come.name
    assert gone.members == ()
    assert all(member.before is None for member in come.members)
    assert come.members


def test_policies_are_compared_line_by_line() -> None:
    """With a line around the change; the file's other lines are left away."""
    text = SHIPPED.policies[0].text
    assert "3600" in text

    (change,) = difference(SHIPPED, with_policy(text.replace("3600", "60")))

    assert (change.section, change.name) == ("policies", SHIPPED.policies[0].file)
    changed = [line for line in change.lines if line[0] in "+-"]
    assert {line[0] for line in changed} == {"+", "-"}
    assert len(change.lines) < text.count("\n")


def test_a_policy_line_that_begins_with_dashes_is_shown_whole() -> None:
    """No line of content is taken for a header of the comparison."""
    text = SHIPPED.policies[0].text

    (change,) = difference(SHIPPED, with_policy(f"// first\n{text}-- last"))

    assert "+// first" in change.lines
    assert "+-- last" in change.lines


def test_whole_policy_files_come_and_go() -> None:
    """All of their lines are shown."""
    more = replace(SHIPPED, policies=(*SHIPPED.policies, PolicyFile(file="99.cedar", text="a\nb")))

    assert difference(SHIPPED, more) == (
        Change("policies", "99.cedar", ChangeKind.ADDED, lines=("+a", "+b")),
    )
    assert difference(more, SHIPPED) == (
        Change("policies", "99.cedar", ChangeKind.REMOVED, lines=("-a", "-b")),
    )


def test_settings_and_schema_are_compared() -> None:
    """Everything that the digest is of shows, however small."""
    other = replace(SHIPPED, offline_max_ttl_seconds=77, schema=SHIPPED.schema + "// x\n")

    schema, settings = difference(SHIPPED, other)

    assert (schema.section, schema.lines[-1]) == ("schema", "+// x")
    assert settings.members[0].after == 77


def test_against_nothing_everything_is_new() -> None:
    """The first publication of an installation."""
    found = difference(None, SHIPPED)

    assert {change.kind for change in found} == {ChangeKind.ADDED}
    assert {change.section for change in found} >= {"agents", "capabilities", "policies", "schema"}
