import io
import os
from contextlib import suppress
from pathlib import Path

import pytest

from broker.scanning.engine import KingfisherEngine
from broker.scanning.looking import look_through
from broker.scanning.reading import OVERLAP, ChangedError, NotTextError, opened, pieces
from broker.scanning.surfaces import surface_of
from tests.fakes import pretend_secrets as pretend

SIZE = 4 * OVERLAP
"""Small pieces: what holds at their borders holds at the borders of large ones."""


def lines_found(text: bytes, engine: KingfisherEngine, path: str = ".env") -> list[int]:
    """Return the lines of what counts in a text."""
    found = look_through(io.BytesIO(text), path, surface_of(path), engine)
    return [match.line for match in found]


@pytest.mark.parametrize("back", [0, 1, 20, 41, 60, 500])
def test_a_secret_on_the_border_of_two_pieces_is_found_once(back: int) -> None:
    """Wherever the border falls in it, one piece has all of it, and only one counts it."""
    secret = b"TOKEN=" + pretend.github_token("border").encode()
    text = b"x\n" * ((SIZE - back) // 2) + secret + b"\n" + b"y\n" * SIZE

    whole = [
        piece.text.find(secret)
        for piece in pieces(io.BytesIO(text), SIZE)
        if 0 <= piece.text.find(secret) < piece.fresh
    ]

    assert len(whole) == 1


def test_lines_are_counted_across_pieces() -> None:
    """The first line of a piece has the number that it has in the file."""
    text = b"".join(b"%07d\n" % number for number in range(1, SIZE))

    for piece in pieces(io.BytesIO(text), SIZE):
        assert int(piece.text.partition(b"\n")[0]) == piece.line


def test_a_line_longer_than_a_piece_is_read_in_bounded_memory() -> None:
    """No piece is larger than two reads, whatever the line."""
    lengths = [len(piece.text) for piece in pieces(io.BytesIO(b"a" * (20 * SIZE)), SIZE)]

    assert max(lengths) <= 2 * SIZE
    assert len(lengths) > 5


def test_a_secret_deep_in_one_endless_line_is_found(engine: KingfisherEngine) -> None:
    """Known forms count in minified files, too."""
    text = b"a=1;" * 700_000 + b'"' + pretend.github_token("deep").encode() + b'"'

    assert lines_found(text, engine, "bundle.min.js") == [1]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_wide_text_is_read_as_text(encoding: str, engine: KingfisherEngine) -> None:
    """Windows writes histories and files of variables so."""
    text = f"\ufeffone\r\nDB_PASSWORD={pretend.password('wide')}\r\n"

    assert lines_found(text.encode(encoding), engine) == [2]


def test_a_binary_file_is_said_to_be_one() -> None:
    """Nothing in it is looked for."""
    with pytest.raises(NotTextError):
        list(pieces(io.BytesIO(b"\x7fELF\0\0\0" * 100)))


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    """What was seen may be no state that it ever had."""
    file = tmp_path / "growing"
    file.write_text("one")

    with pytest.raises(ChangedError), opened(str(file)):
        file.write_text("two and more")


def test_a_file_that_grows_for_ever_has_an_end(tmp_path: Path) -> None:
    """It is read as far as it reached when it was opened."""
    file = tmp_path / "log"
    file.write_bytes(b"x" * 100)

    with suppress(ChangedError), opened(str(file)) as source:
        file.write_bytes(b"y" * 1_000_000)
        read = [source.read(10_000_000), source.read(1)]

    assert [len(part) for part in read] == [100, 0]


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_took_a_files_place_since_it_was_listed_is_not_opened(
    kind: str, tmp_path: Path
) -> None:
    """A link leads elsewhere; a pipe would hold the scan for ever."""
    file = tmp_path / "file"
    if kind == "link":
        file.symlink_to("/etc/hostname")
    else:
        os.mkfifo(file)

    with pytest.raises(OSError, match=r"link|no file"), opened(str(file)):
        pass
