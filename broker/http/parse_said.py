"""From the wire to what an agent's side says of the uses of its credentials."""

from broker import ids, use_words
from broker.audit.shapes import LATEST_MS
from broker.errors import InvalidRequestError
from broker.http import wire
from broker.http.filters import instant
from broker.model.said import SaidBatch, SaidUse


def batch(body: wire.SayUsesBody) -> SaidBatch:
    """Read a batch.

    Raises:
        InvalidRequestError: ``field`` names the member.
    """
    return SaidBatch(
        tuple(_use(each, f"uses[{at}]") for at, each in enumerate(body.uses)), body.untold
    )


def _use(said: wire.SaidUseBody, at: str) -> SaidUse:
    if said.outcome not in use_words.OUTCOMES:
        raise InvalidRequestError(
            f"write one of {', '.join(use_words.OUTCOMES)}", field=f"{at}.outcome"
        )
    if 0 < said.status < use_words.LEAST_STATUS:
        raise InvalidRequestError("write 100 to 999, or 0 for none", field=f"{at}.status")
    words = {name: _word(getattr(said, name), name, at) for name in use_words.WORDS}
    first_at_ms, last_at_ms = _when(said.first_at, said.last_at, at)
    return SaidUse(
        outcome=said.outcome,
        times=said.times,
        first_at_ms=first_at_ms,
        last_at_ms=last_at_ms,
        credential=_credential(said.credential, at),
        port=said.port,
        status=said.status,
        masked=said.masked,
        **words,
    )


def _credential(given: str | None, at: str) -> str:
    return "" if given is None else ids.parse_lease_id(given, field=f"{at}.credential")


def _word(given: str, name: str, at: str) -> str:
    if not use_words.is_word(name, given):
        raise InvalidRequestError(
            f"is no {name} as it is told here: leave it away", field=f"{at}.{name}"
        )
    return given


def _when(first: str, last: str, at: str) -> tuple[int, int]:
    """Read two instants. They are the agent's own word: only their order is looked at."""
    first_ms, last_ms = instant(first, f"{at}.first_at"), instant(last, f"{at}.last_at")
    if first_ms < 0 or last_ms > LATEST_MS:
        raise InvalidRequestError("use an instant from 1970 on", field=f"{at}.first_at")
    if first_ms > last_ms:
        raise InvalidRequestError("must not be before first_at", field=f"{at}.last_at")
    return first_ms, last_ms
