r"""Text that somebody else has written, so that whoever reads it sees everything that is in it.

What is not plainly what it looks like is written ``\u{202E}``: controls, formats that turn the
writing direction or show as nothing, marks that pile up, spaces of other widths, and letters that
look like Latin ones in a word that pretends to be Latin. A backslash is doubled, so that nobody can
write an escape himself. The result is one line of printable characters.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final, NamedTuple

_WORDS: Final = re.compile(r"\w+|\W", re.UNICODE)

_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""What Unicode files under letters, symbols and marks although it shows as nothing."""

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_TURNING: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})

_LOOK_ALIKES: Final = frozenset(
    # Cyrillic
    "\u0430\u0410\u0432\u0412\u0435\u0415\u043a\u041a\u043c\u041c\u043d\u041d\u043e\u041e"
    "\u0440\u0420\u0441\u0421\u0442\u0422\u0443\u0423\u0445\u0425\u0456\u0406\u0457\u0407"
    "\u0458\u0408\u0455\u0405\u0501\u04bb\u04ba\u04cf\u051b\u051d\u0475"
    # Greek
    "\u03b1\u0391\u03b2\u0392\u03b5\u0395\u03b7\u0397\u03b9\u03ba\u0399\u039a\u039c\u03bd"
    "\u039d\u03bf\u039f\u03c1\u03a1\u03c4\u03a4\u03c5\u03a5\u03c7\u03a7\u0396\u03b3"
    # Armenian
    "\u0585\u057d\u0578\u0570\u0581\u0566"
)
"""Letters of other scripts that are Latin ones to the eye."""

_TOGETHER: Final = (
    frozenset({"CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"}),
    frozenset({"CJK", "HANGUL"}),
    frozenset({"CJK", "BOPOMOFO"}),
)
"""Scripts that one language is written in (UTS #39, the profile "highly restrictive")."""


class Visible(NamedTuple):
    """What is shown of a text, and what was found in it."""

    shown: str
    marks: tuple[str, ...]


def visible(text: str) -> Visible:
    """Show a text."""
    marks: dict[str, None] = {}
    parts = [piece for word in _WORDS.findall(text) for piece in _word(word, marks)]
    return Visible("".join(parts), tuple(marks))


def _word(word: str, marks: dict[str, None]) -> Iterator[str]:
    is_false = _is_false(word)
    for character in word:
        why = _why_hidden(character)
        if not why and is_false and not character.isascii():
            why = "look-alike"
        if why:
            marks[why] = None
            yield f"\\u{{{ord(character):04X}}}"
        else:
            yield "\\\\" if character == "\\" else character


def _why_hidden(character: str) -> str:
    """Say what is wrong with a character wherever it stands; empty when nothing is."""
    if character.isascii() and character.isprintable():
        return ""
    category, turning = unicodedata.category(character), unicodedata.bidirectional(character)
    if turning in _TURNING or character in "\u200e\u200f\u061c":
        return "bidirectional"
    if category == "Cc":
        return "control"
    if category in _HIDDEN or _UNSEEN.match(character):
        return "invisible"
    if category in {"Mn", "Me"}:
        return "mark"
    return "space" if category == "Zs" else ""


def _is_false(word: str) -> bool:
    """Tell whether a word mixes scripts, or is not Latin and looks as if it were."""
    scripts = {_script(character) for character in word if character.isalpha()}
    others = scripts - {"LATIN"}
    if not others:
        return False
    if "LATIN" in scripts or others & {"FULLWIDTH", "MATHEMATICAL"} or _is_mixed(others):
        return True
    return all(each in _LOOK_ALIKES for each in word if each.isalpha())


def _is_mixed(scripts: set[str]) -> bool:
    return len(scripts) > 1 and not any(scripts <= each for each in _TOGETHER)


def _script(character: str) -> str:
    return unicodedata.name(character, "UNKNOWN").split()[0]
