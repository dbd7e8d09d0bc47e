"""Where credentials are put: in files that one user may read, whole or not at all."""

import json
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from broker.secret import Secret
from broker.tools.places import FilePlaces, PlaceError
from tests.fakes.delivered import issued

TOKEN = issued()
WORDS = replace(TOKEN, target="yard", secret={"username": Secret("u"), "password": Secret('p"\n')})


def test_a_token_is_a_header_line(tmp_path: Path) -> None:
    """As curl reads it."""
    place = FilePlaces(tmp_path).put(TOKEN)

    text = Path(place.where).read_text()
    assert text == f"Authorization: Bearer {TOKEN.access_token.reveal()}\n"
    assert TOKEN.access_token.reveal() not in place.use


def test_words_of_a_target_are_json(tmp_path: Path) -> None:
    """Whatever is in them."""
    place = FilePlaces(tmp_path).put(WORDS)

    assert json.loads(Path(place.where).read_text()) == {"username": "u", "password": 'p"\n'}


def test_what_was_prolonged_in_its_place_stays_as_it_is(tmp_path: Path) -> None:
    """A renewal without words leaves those that were there."""
    places = FilePlaces(tmp_path)
    place = places.put(WORDS)
    before = Path(place.where).read_text()

    assert places.put(replace(WORDS, secret={}, generation=2)) == place
    assert Path(place.where).read_text() == before


def test_a_link_that_stands_in_the_way_is_not_followed(tmp_path: Path) -> None:
    """Nobody has it written elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / f"{TOKEN.id}.new").symlink_to(elsewhere)

    with pytest.raises(PlaceError, match="cannot be written"):
        FilePlaces(tmp_path).put(TOKEN)

    assert not elsewhere.exists()


@pytest.mark.skipif(os.name != "posix", reason="/dev/full is Linux's")
def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says which file."""
    open_file = os.open
    monkeypatch.setattr(os, "open", lambda *_: open_file("/dev/full", os.O_WRONLY))

    with pytest.raises(PlaceError, match=rf"{TOKEN.id}\.headers cannot be written: No space"):
        FilePlaces(tmp_path).put(TOKEN)

    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_what_is_bound_to_a_key_is_put_nowhere(tmp_path: Path) -> None:
    """A file cannot prove a key."""
    with pytest.raises(PlaceError, match="bound to a key"):
        FilePlaces(tmp_path).put(replace(TOKEN, token_type="DPoP"))

    assert list(tmp_path.iterdir()) == []


def test_what_is_cleared_is_gone_and_clearing_again_is_nothing(tmp_path: Path) -> None:
    """Also of what was never there."""
    places = FilePlaces(tmp_path)
    places.put(TOKEN)

    for _ in range(2):
        places.clear(TOKEN.id)

    assert places.of(TOKEN.id) is None
    assert list(tmp_path.iterdir()) == []
