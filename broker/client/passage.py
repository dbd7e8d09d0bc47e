"""One guarded request: who may pass, known to everything that runs within it.

A guard (aiohttp's or ASGI's) opens a passage when it has verified a token; whatever runs within
the request, also in a worker thread, finds it by :func:`current_token`. A refusal that is found
later, inside a handler, is noted here: the guard answers it even when the application has caught
it and answered something else.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Final

from broker.client.errors import GuardMissingError, RefusalError
from broker.client.token import VerifiedToken

_PASSAGE: Final[ContextVar["Passage | None"]] = ContextVar("broker_passage", default=None)


class Passage:
    """The way of one request through an application."""

    def __init__(self, token: VerifiedToken) -> None:
        self.token = token
        self.refusal: RefusalError | None = None
        self.is_over = False

    def refuse(self, refusal: RefusalError) -> RefusalError:
        """Note the first refusal, for the guard to answer, and return it to be raised."""
        self.refusal = self.refusal or refusal
        return refusal


@contextmanager
def opened(token: VerifiedToken) -> Iterator[Passage]:
    """Let everything within the block find the token; afterwards nothing finds it."""
    passage = Passage(token)
    before = _PASSAGE.set(passage)
    try:
        yield passage
    finally:
        # Work that outlives the request has copied the context: the passage itself must end.
        passage.is_over = True
        with suppress(ValueError):  # an application that was thrown away ends in another context
            _PASSAGE.reset(before)


def current() -> Passage:
    """Return the passage of the request that is being handled.

    Raises:
        GuardMissingError: no guard stands before this code, or its request is over.
    """
    passage = _PASSAGE.get()
    if passage is None or passage.is_over:
        raise GuardMissingError
    return passage


def current_token() -> VerifiedToken:
    """Return the verified token of the request that is being handled.

    Raises:
        GuardMissingError: no guard stands before this code, or its request is over.
    """
    return current().token
