"""What an operator sees when files are wrong."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from broker.errors import ConfigurationError
from broker.settings.fault import Fault
from broker.settings.load import Reading, load_document
from broker.settings.plain_text import MAX_BYTES


class Colour(StrEnum):
    """A closed set."""

    RED = "red"
    BLUE = "blue"


class Door(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A leaf with a bound, a path and a rule of its own."""

    width: Annotated[int, Meta(ge=1)]
    colour: Colour = Colour.RED
    key: Path | None = None

    def faults(self) -> Iterator[Fault]:
        """Say what is well-typed and still wrong."""
        if self.width > 10:
            yield Fault(("width",), "too wide", "build a smaller one")


class Cat(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="cat"):
    """One of two, told apart by a tag."""

    lives: int


class Dog(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="dog"):
    """The other."""

    tricks: tuple[str, ...]


class House(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A root with every kind of container."""

    name: str
    doors: tuple[Door, ...]
    rooms: dict[str, int] = {}
    pets: list[Cat | Dog] = []
    porch: Door | None = None

    def faults(self) -> Iterator[Fault]:
        """Say what is well-typed and still wrong."""
        if not self.doors:
            yield Fault(("doors",), "no way in", "add a door")


def written(folder: Path, text: str, name: str = "house.yaml") -> Path:
    """Write a file and return where it is."""
    path = folder / name
    path.write_text(text)
    return path


def told(path: Path, type_: type = House) -> list[str]:
    """Load what is faulty and return what is told of it."""
    with pytest.raises(ConfigurationError) as caught:
        load_document(path, type_)
    return [f"{f.line} {f.key}: {f.message} — {f.remedy}" for f in caught.value.faults]


def test_a_sound_file_becomes_a_typed_value(tmp_path: Path) -> None:
    """Defaults fill in, and a relative path is relative to the file that names it."""
    path = written(
        tmp_path,
        "name: home\ndoors:\n  - {width: 3, colour: blue, key: keys/front.pem}\n"
        "pets:\n  - {kind: cat, lives: 9}\n",
    )

    house = load_document(path, House)

    assert house == House(
        "home", (Door(3, Colour.BLUE, tmp_path / "keys/front.pem"),), pets=[Cat(9)]
    )


def test_an_absolute_path_stays_what_it_is(tmp_path: Path) -> None:
    """Only relative paths are taken from the file's folder."""
    house = load_document(written(tmp_path, "name: x\ndoors: [{width: 1, key: /etc/key}]"), House)

    assert house.doors[0].key == Path("/etc/key")


def test_every_fault_of_a_file_is_reported_with_its_line(tmp_path: Path) -> None:
    """One run shows them all: types, bounds, unknown and missing keys, and what is merely wrong."""
    path = written(
        tmp_path,
        """\
nam: home
doors:
  - width: "3"
    colour: green
  - {width: 0}
  - width: 11
rooms:
  hall: 1
  attic: high
pets:
  - kind: dog
    tricks: [sit, 3]
  - kind: cow
porch:
  color: red
  width: 1
""",
    )

    assert told(path) == [
        "1 nam: no such setting — did you mean `name`?",
        "1 name: missing — add it",
        "3 doors[0].width: Expected `int`, got `str` — write a whole number, without quotes",
        "4 doors[0].colour: Invalid enum value 'green' — write one of: red, blue",
        "5 doors[1].width: Expected `int` >= 1 — write a value of that form",
        "6 doors[2].width: too wide — build a smaller one",
        "9 rooms.attic: Expected `int`, got `str` — write a whole number, without quotes",
        "12 pets[0].tricks[1]: Expected `str`, got `int` — write text, in quotes",
        "13 pets[1].kind: Invalid value 'cow' — write a value of that form",
        "15 porch.color: no such setting — did you mean `colour`?",
    ]


def test_a_struct_asks_itself_only_when_it_is_well_typed(tmp_path: Path) -> None:
    """What a type calls wrong is found at any depth, the outermost included."""
    assert told(written(tmp_path, "name: x\ndoors: []")) == ["2 doors: no way in — add a door"]


def test_numbers_and_texts_are_not_turned_into_each_other(tmp_path: Path) -> None:
    """Typing is strict: no ``"1"`` for 1, no ``1.0`` for 1, no 1 for true, no number for text."""
    for value in ('"1"', "1.0", "true", "null", "[1]", "{a: 1}"):
        faults = told(written(tmp_path, f"name: x\ndoors: [{{width: {value}}}]"))
        assert len(faults) == 1, value
        assert faults[0].startswith("2 doors[0].width: Expected `int`, got"), value


def test_a_root_of_another_kind_is_one_fault(tmp_path: Path) -> None:
    """A list where settings are expected is told as that, not as many missing keys."""
    assert told(written(tmp_path, "- a\n- b\n")) == [
        "1 : Expected `object`, got `array` — write keys and values"
    ]


def test_faults_of_form_and_of_type_come_together(tmp_path: Path) -> None:
    """A key that is there twice does not hide the other faults of the file."""
    faults = told(written(tmp_path, "name: x\nname: y\ndoors: 3\n"))

    assert faults == [
        "2 name: this key is there twice — keep one of them",
        "3 doors: Expected `array`, got `int` — write a list, one item a line, each after a dash",
    ]


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    """A missing file, and a folder in its place, are told by name and reason."""
    missing, folder = tmp_path / "none.yaml", tmp_path

    assert told(missing)[0].startswith("0 : cannot be read: No such file or directory")
    assert told(folder)[0].startswith("0 : cannot be read: Is a directory")


def test_a_path_with_a_nul_is_a_fault_and_not_a_crash(tmp_path: Path) -> None:
    """What no file system can open is refused where it is written."""
    faults = told(written(tmp_path, 'name: x\ndoors: [{width: 1, key: "a\\0b"}]'))

    assert faults == [
        "2 doors[0].key: Expected `str`: the path of a file or folder — write a value of that form"
    ]


def test_several_files_fail_as_one(tmp_path: Path) -> None:
    """All faults of all files are in one error, file after file, line by line."""
    one = written(tmp_path, "name: 1\ndoors: 2\n", "one.yaml")
    two = written(tmp_path, "width: x\n", "two.yaml")
    reading = Reading()

    assert reading.read(one, House) is None
    assert reading.read(two, Door) is None
    with pytest.raises(ConfigurationError) as caught:
        reading.finish()

    places = [(Path(f.file).name, f.line, f.key) for f in caught.value.faults]
    assert places == [("one.yaml", 1, "name"), ("one.yaml", 2, "doors"), ("two.yaml", 1, "width")]
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"{one}:1: name: Expected `str`, got `int` — ")
    assert len(lines) == 3


def test_a_reading_without_faults_ends_in_silence(tmp_path: Path) -> None:
    """Finishing raises only when something was wrong."""
    reading = Reading()

    loaded = reading.read(written(tmp_path, "width: 3\n"), Door)
    reading.finish()

    assert loaded is not None
    assert loaded.value == Door(3)


def test_a_fault_keeps_to_its_line_whatever_a_file_says(tmp_path: Path) -> None:
    """A key made of line breaks and terminal controls cannot forge a line of the report."""
    path = written(tmp_path, 'width: 1\n"a\\n\\e[31mb": 2\n')

    with pytest.raises(ConfigurationError) as caught:
        load_document(path, Door)

    assert str(caught.value).count("\n") == 0
    assert "\x1b" not in str(caught.value)


def test_text_files_are_bounded_and_utf_8(tmp_path: Path) -> None:
    """A file that is not YAML is read as carefully, and its faults are noted alike."""
    reading = Reading()
    (tmp_path / "big").write_bytes(b" " * (MAX_BYTES + 1))
    (tmp_path / "latin").write_bytes(b"\xe9")
    (tmp_path / "turned").write_text("permit\n// \u202e see nothing\n")
    (tmp_path / "good").write_bytes(b"\xef\xbb\xbftext\r\n\t\xc3\xa4")
    names = ("big", "latin", "none", "turned", "good")

    read = [reading.read_text(tmp_path / name) for name in names]

    assert read == [None, None, None, None, "text\r\n\t\xe4"]
    assert [fault.message for fault in reading.faults] == [
        f"larger than {MAX_BYTES} bytes",
        "not UTF-8 text",
        "cannot be read: No such file or directory",
        "holds U+202E at character 3, which cannot be seen or stored: leave it out",
    ]
    assert reading.faults[-1].line == 2
