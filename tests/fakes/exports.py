"""Exported reviews, with something hostile in any place."""

from typing import Any

import msgspec

from broker.http import render_reviews
from broker.reviews.packets import digest_of, encode
from tests.fakes.review_verbs import a_header, a_review, an_entry, answered


def whole(**said: Any) -> dict[str, Any]:
    """Export a review of one agent; ``said`` is written into its place."""
    review = plain(render_reviews.review(a_review()))
    each = plain(render_reviews.reviewed(answered()))
    entry, header = each["entry"], review["header"]
    evidence = header["evidence"]
    places: dict[str, tuple[dict[str, Any], str]] = {
        "purpose": (entry, "purpose"),
        "agent": (entry, "agent"),
        "owner": (review, "owner"),
        "by": (header, "by"),
        "reason": (each["answer"], "reason"),
        "told": (each["effect"], "told"),
        "verified": (evidence, "verified"),
    }
    for name, value in said.items():
        if name == "line":
            entry["usage"]["granted"] = {value: 2}
            entry["never"] = [value]
        elif name == "behalf":
            entry["usage"]["behalf"] = {value: 1}
        elif name == "fault":
            evidence |= {"verified": False, "faults": [value]}
        else:
            record, member = places[name]
            record[member] = value
    return {"review": review, "agents": [each]}


def sealed() -> dict[str, Any]:
    """Export a review whose packet is what its digest says."""
    exported = whole()
    packet = digest_of(encode(a_header()), [encode(an_entry())])
    exported["review"]["packet"] = packet
    exported["agents"][0]["answer"]["packet"] = packet
    return exported


def plain(value: object) -> Any:
    """Turn it into what JSON holds."""
    return msgspec.json.decode(msgspec.json.encode(value))
