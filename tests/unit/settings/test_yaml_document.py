import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.settings.fault import Fault
from broker.settings.plain_text import MAX_BYTES
from broker.settings.yaml_document import MAX_DEPTH, parse_yaml


def plain(text: str) -> object:
    """Read what has no fault."""
    document = parse_yaml(text.encode(), "f.yaml")
    assert document.root is not None, document.faults
    assert not document.faults
    return document.root.plain()


def only_fault(raw: bytes) -> str:
    """Read what has exactly one fault."""
    (fault,) = parse_yaml(raw, "f.yaml").faults
    return f"{fault.line} {fault.key}: {fault.message}"


def test_plain_values_have_the_types_of_yaml_1_2() -> None:
    """What only YAML 1.1 takes for a boolean, a date or a base-60 number is text."""
    text = "[yes, on, 1:30, 007, 2024-01-01, 0x10, 1_000, 12, -3, 1.5, ~, null, '', true, '1', 1e3]"

    assert plain(text) == [
        *("yes", "on", "1:30", "007", "2024-01-01", "0x10", "1_000"),
        *(12, -3, 1.5, None, None, "", True, "1", "1e3"),
    ]


@pytest.mark.parametrize("digits", [18, 19, 5_000])
def test_a_number_beyond_18_digits_is_text(digits: int) -> None:
    """No number is read that a ledger script or a policy could not hold, nor a gigantic one."""
    value = plain("9" * digits)

    assert value == (int("9" * digits) if digits == 18 else "9" * digits)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: &x 1", "1 a: an anchor, which is not read"),
        ("a: 1\nb: !!int 3", "2 b: a tag, which is not read"),
        ("a: ! 3", "1 a: a tag, which is not read"),
        ("a: !!python/object/apply:os.system [ls]", "1 a: a tag, which is not read"),
        ("a:\n  <<: {b: 1}", "2 a: a key that is not plain text"),
        ("1: x", "1 : a key that is not plain text"),
        ("? [a]\n: x", "1 : a key that is not plain text"),
        ("a: 1\nb:\n  - c: 2\n    c: 3", "4 b[0].c: this key is there twice"),
        ("a: 1\n---\nb: 1", "2 : a second document in one file"),
        ("a: {", "1 : not YAML: expected the node content, but found '<stream end>'"),
        (
            "a: 1\nb: \x07",
            "2 : holds U+0007 at character 3, which cannot be seen or stored: leave it out",
        ),
        ("", "0 : empty"),
        ("# nothing", "0 : empty"),
        ("[" * (MAX_DEPTH + 2), "1 : nested too deeply"),
        ('a: 1\nb: "\\UFFFFFFFF"', "2 : not YAML: a number that cannot be"),
        ('a: 1\nb: "\\U00110000"', "2 : not YAML: a number that cannot be"),
        ("%YAML 1." + "9" * 5000 + "\n---\na: 1", "1 : not YAML: a number that cannot be"),
        ('a: 1\nb: ["\\ud800"]', "2 b[0]: an escape that is no character"),
        ('a: 1\n"\\udfff": 2', "2 ?: an escape that is no character"),
    ],
)
def test_what_is_not_plain_is_refused_with_its_line(text: str, fault: str) -> None:
    """Every way to hide a value from a reviewer is a fault that says where it is."""
    assert only_fault(text.encode()) == fault


def test_an_alias_is_refused_and_never_followed() -> None:
    """Nested aliases, which would expand beyond any memory, cost nothing: they are not read."""
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 30))]

    document = parse_yaml("\n".join(lines).encode(), "f.yaml")

    messages = {fault.message for fault in document.faults}
    assert messages == {"an anchor, which is not read", "an alias, which is not read"}
    assert document.root is not None
    assert document.root.plain()["a29"] == [None, None]


def test_a_file_is_text_of_bounded_size() -> None:
    """One byte more than the bound, or bytes that are no UTF-8, are refused before parsing."""
    assert only_fault(b"\xff") == "0 : not UTF-8 text"
    assert only_fault(b" " * (MAX_BYTES + 1)) == f"0 : larger than {MAX_BYTES} bytes"


@pytest.mark.parametrize(("depth", "is_read"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False)])
def test_nesting_is_read_up_to_its_bound(depth: int, *, is_read: bool) -> None:
    """The bound itself is readable, one level more is not."""
    document = parse_yaml(("[" * depth + "1" + "]" * depth).encode(), "f.yaml")

    assert (document.root is not None) is is_read


def test_a_path_leads_to_its_line_or_to_the_nearest_one() -> None:
    """A fault about something missing is shown where it should have been."""
    document = parse_yaml(b"top:\n  list:\n    - a: 1\n    - b: 2\n", "f.yaml")

    lines = [
        document.locate(Fault(path, "m", "r")).line
        for path in [
            ("top", "list", 1, "b"),
            ("top", "list", 1, "missing"),
            ("top", "list", 9),
            ("elsewhere",),
        ]
    ]

    assert lines == [4, 4, 2, 1]


@given(st.binary(max_size=200) | st.text(alphabet="ab:-[]{},&*!<?|>'\"#% \n\t0", max_size=60))
def test_any_bytes_are_a_document_or_faults_and_never_an_exception(raw: bytes | str) -> None:
    """Reading never raises, and never returns neither content nor a fault."""
    document = parse_yaml(raw if isinstance(raw, bytes) else raw.encode(), "f.yaml")

    assert document.root is not None or document.faults
    for fault in document.faults:
        assert "\n" not in str(fault)
