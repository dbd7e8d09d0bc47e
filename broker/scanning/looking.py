"""Looking through one text for what counts, piece by piece."""

from collections.abc import Iterator
from dataclasses import replace

from broker.scanning.beside import beside
from broker.scanning.engine import Engine
from broker.scanning.judging import judged
from broker.scanning.kinds import kind_of
from broker.scanning.match import Match
from broker.scanning.reading import Readable, pieces
from broker.scanning.surfaces import Surface


def look_through(source: Readable, path: str, surface: Surface, engine: Engine) -> Iterator[Match]:
    """Yield what counts in a text, with its line in the whole of it.

    Raises:
        NotTextError: the text is none.
    """
    for piece in pieces(source):
        for match in judged(engine.matches(piece.text, path), surface, piece.text):
            if match.start < piece.fresh:
                words = {**beside(match, kind_of(match).name, piece.text), **match.words}
                yield replace(match, line=match.line + piece.line - 1, words=words)
