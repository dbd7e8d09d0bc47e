"""A verifier for programs without an event loop (Flask, Django, a plain function).

::

    with open_sync_verifier("https://broker.example", audience="orders", …) as verifier:
        token = verifier.verify(bearer, scopes=["orders:read"])
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from typing import Concatenate, ParamSpec

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
    ) -> VerifiedToken:
        """Check a token and what it must reach (:meth:`Verifier.verify`).

        Raises:
            VerificationError: the token is refused; the subclass says why.
        """
        return self._thread.run(
            self._verifier.verify(
                token, scopes=scopes, capability=capability, tenant=tenant, task=task
            )
        )


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
