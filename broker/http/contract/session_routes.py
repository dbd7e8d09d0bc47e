"""Sessions of people, and their ends."""

from typing import Final

from broker.http.contract.operation import FORM, Answer, Body, Operation
from broker.http.contract.parts import NAME, REASON, STRING
from broker.http.contract.schema import described, nullable, record

SCHEMAS: Final = {
    "EndSessionBody": described(
        record(
            {}, {"person": nullable(NAME), "tenant": nullable(NAME), "reason": nullable(REASON)}
        ),
        "A person ends the session that her token is from, and names nobody; an operator names "
        "whose sessions end, all of them, and in which tenant.",
    ),
    "LogoutForm": {
        "type": "object",
        "properties": {"logout_token": STRING | {"minLength": 1}},
        "required": ["logout_token"],
        "maxProperties": 16,
        "additionalProperties": True,
        "description": "OpenID Connect Back-Channel Logout 1.0 §2.5; what is unknown is ignored.",
    },
}

_ENDED: Final = {
    200: Answer("It has ended, in the whole ledger.", "Revocation"),
    202: Answer("It ends: `pending_buckets` names where its cut does not stand yet.", "Revocation"),
}

OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/sessions/end",
        name="endSession",
        summary="End a person's session, and all that she has had done in it",
        callers=("operator", "person"),
        body=Body("EndSessionBody", {"reason": "done for today"}, is_required=False),
        creates=True,
        answers=_ENDED,
        problems=("access-denied", "not-found"),
    ),
    Operation(
        method="POST",
        path="/v1/backchannel-logout",
        name="hearLogout",
        summary="Hear from an issuer that a session has ended (OpenID Connect Back-Channel Logout)",
        callers=(),
        body=Body("LogoutForm", {"logout_token": "e30.e30.e30"}, media=FORM),
        answers=_ENDED,
        problems=("unavailable",),
    ),
)
