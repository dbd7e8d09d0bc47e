"""A verifier for programs without an event loop (Flask, Django, a plain function).

::

    with open_sync_verifier("https://broker.example", audience="orders", …) as verifier:
        token = verifier.verify(text, scopes=["orders:read"])

A token that is bound to a key is judged with the request that shows it: :class:`Presented`.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from typing import Concatenate, ParamSpec

from broker.client.bearer import Presented
from broker.client.loop_thread import LoopThread
from broker.client.open_verifier import open_verifier
from broker.client.token import VerifiedToken
from broker.client.verifier import Verifier

P = ParamSpec("P")


class SyncVerifier:
    """:class:`Verifier`, waiting. Threads may share it."""

    def __init__(self, verifier: Verifier, thread: LoopThread) -> None:
        self._verifier = verifier
        self._thread = thread

    def verify(
        self,
        token: str,
        *,
        scopes: Collection[str] = (),
        capability: str | None = None,
        tenant: str | None = None,
        task: str | None = None,
        presented: Presented | None = None,
    ) -> VerifiedToken:
        """Check a token and what it must reach (:meth:`Verifier.verify`).

        Args:
            token: the text that the client sent.
            scopes: all of these must have been granted.
            capability: when given, the token must have been granted for it.
            tenant: when given, the token must be this tenant's.
            task: when given, the token must belong to this very task.
            presented: the request that shows it: method, path, proof or certificate; without, a
                token that is bound to a key is refused.

        Raises:
            VerificationError: the token is refused; the subclass says why.
        """
        return self._thread.run(
            self._verifier.verify(
                token,
                scopes=scopes,
                capability=capability,
                tenant=tenant,
                task=task,
                presented=presented,
            )
        )

    def admit(self, presented: Presented) -> VerifiedToken:
        """Check the token that a request shows, under whichever scheme (:meth:`Verifier.admit`).

        Raises:
            RefusalError: it shows none, or one that is refused.
        """
        return self._thread.run(self._verifier.admit(presented))


def _blocking(
    opener: Callable[Concatenate[str, P], AbstractAsyncContextManager[Verifier]],
) -> Callable[Concatenate[str, P], AbstractContextManager[SyncVerifier]]:
    @contextmanager
    def open_it(broker_url: str, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[SyncVerifier]:
        thread = LoopThread()
        try:
            opened = opener(broker_url, *args, **kwargs)
            verifier = thread.run(_entered(opened))
            thread.keep(opened, lambda: _left(opened))
            yield SyncVerifier(verifier, thread)
        finally:
            thread.close()

    return open_it


async def _entered(opened: AbstractAsyncContextManager[Verifier]) -> Verifier:
    return await opened.__aenter__()


async def _left(opened: AbstractAsyncContextManager[Verifier]) -> None:
    await opened.__aexit__(None, None, None)


open_sync_verifier = _blocking(open_verifier)
"""Opens a :class:`SyncVerifier`; the arguments are those of :func:`open_verifier`."""
