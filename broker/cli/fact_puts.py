"""How a thing is put: what is said of it now, with what is to be said instead."""

from collections.abc import Mapping
from typing import Final

from broker.client.fact_results import ThingView

_SAID: Final = ("status", "owner", "purpose", "risk", "data_class", "review_by", "origin")


def put_over(known: ThingView, said: Mapping[str, object]) -> dict[str, object]:
    """Return the change that says something else of a thing; all else stays as it is."""
    return put_of(known.tenant, {**_told(known), **said})


def put_of(tenant: str, thing: Mapping[str, object]) -> dict[str, object]:
    """Return the change that puts a thing."""
    return {"op": "put", "tenant": tenant, "thing": thing}


def _told(known: ThingView) -> dict[str, object]:
    said: dict[str, object] = {name: getattr(known, name) for name in _SAID}
    said |= {"quota": known.quota, "ceiling": known.ceiling}
    pairs = [{"issuer": each.issuer, "subject": each.subject} for each in known.identities]
    said |= {"identities": pairs}
    return {"ref": known.ref, **{name: value for name, value in said.items() if value}}
