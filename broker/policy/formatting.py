"""Policy files in Cedar's own layout, with the same meaning and every comment.

The formatter is Cedar's. It is not believed: a text whose tree or comments would come out other
than they went in, or that would be laid out differently the next time, is refused and left alone.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Final

from cedarpy import format_policies, policies_to_pst

from broker.errors import ConfigurationError, LocatedFault
from broker.policy.compiled import Source
from broker.policy.statements import comments, statements

LINE_WIDTH: Final = 100
INDENT: Final = 2

_HEAD: Final = re.compile(r"\A\s*((?:[ \t]*//[^\n]*\n)+)[ \t]*\n")
"""A comment that a blank line sets apart from the first policy speaks of the whole file: Cedar's
formatter would hang it on that policy."""

_MEND: Final = "mend it"
_ALONE: Final = "lay it out by hand: the formatter cannot be trusted with it"


def formatted(source: Source) -> str:
    """Return a file's text in the one layout.

    Raises:
        ConfigurationError: it is no policy text, or the formatter would change what it says.
    """
    faults = tuple(_faults(source))
    if faults:
        raise ConfigurationError(faults=faults)
    text = _laid_out(source)
    if meaning(text) != meaning(source.text):
        raise _refused(source, "formatting would change what the policies mean", _ALONE)
    if _said(text) != _said(source.text):
        raise _refused(source, "formatting would lose a comment", _ALONE)
    if _laid_out(Source(source.file, text)) != text:
        raise _refused(source, "formatting does not come to rest", _ALONE)
    return text


def meaning(text: str) -> str:
    """Return the SHA-256 of what sound policy text says, whatever its layout and comments are.

    Raises:
        ValueError: it is no policy text.
    """
    return hashlib.sha256(repr(policies_to_pst(text)).encode()).hexdigest()


def _faults(source: Source) -> Iterator[LocatedFault]:
    for statement in statements(source.text):
        if statement.is_too_complex:
            remedy = "divide it into several policies"
            yield LocatedFault(source.file, statement.line, "", "too complex", remedy)
            continue
        try:
            policies_to_pst(statement.text)
        except ValueError as error:
            message = f"not a Cedar policy: {error}"
            yield LocatedFault(source.file, statement.line, "", message, _MEND)


def _laid_out(source: Source) -> str:
    head = _HEAD.match(source.text)
    if head is None:
        return _by_cedar(source, source.text)
    rest = _by_cedar(source, source.text[head.end() :])
    lines = (line.strip() for line in head[1].splitlines())
    return "\n".join((*lines, "", rest))


def _by_cedar(source: Source, text: str) -> str:
    try:
        laid_out = format_policies(text, LINE_WIDTH, INDENT)
    except ValueError as error:
        raise _refused(source, f"cannot be formatted: {error}", _ALONE) from error
    # A panic in Cedar's own code is no Exception but a BaseException.
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise _refused(source, "cannot be formatted: the formatter broke down", _ALONE) from error
    stripped: str = laid_out.strip()
    return f"{stripped}\n" if stripped else ""


def _said(text: str) -> list[str]:
    return [comment.strip() for comment in comments(text)]


def _refused(source: Source, message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(faults=(LocatedFault(source.file, 0, "", message, remedy),))
