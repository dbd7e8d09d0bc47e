"""What a person may open, and what a task keeps of her who opened it."""

from broker.errors import InvalidRequestError
from broker.model.lender import Lender
from broker.model.principal import Kind, Principal
from broker.model.requests import OpenTask


def lender_of(caller: Principal) -> Lender | None:
    """Return who lends a right of hers by opening a task: a person, and nobody else."""
    return Lender.of(caller) if caller.kind is Kind.PERSON else None


def require_own(caller: Principal, request: OpenTask) -> None:
    """Let a person open tasks on her own behalf only, each for whoever shows its handle.

    Raises:
        InvalidRequestError: it is on another's behalf, a part of another task, or for one instance.
    """
    if caller.kind is not Kind.PERSON:
        return
    if request.on_behalf_of not in ("", caller.name):
        raise InvalidRequestError("is yours: leave it out", field="on_behalf_of")
    if request.parent is not None:
        raise InvalidRequestError("people open tasks of their own: leave it out", field="parent")
    if request.instance:
        raise InvalidRequestError(
            "the agent claims it by the handle that you pass on: leave it out", field="instance"
        )
