"""What the schemas of all groups are made of: ids, names, instants, and answers that went wrong."""

from typing import Final

from broker.http.contract.schema import (
    NEXT,
    Configured,
    Schema,
    array,
    described,
    form,
    nullable,
    number,
    record,
    ref,
    text,
    words,
)
from broker.http.query import DEFAULT_PAGE, MAX_PAGE
from broker.http.waiting import MAX_SECONDS
from broker.http.wire import MAX_LINES, MAX_REFERENCES, MAX_URL, MAX_WORD
from broker.model.fact import NAME_PATTERN, ThingKind
from broker.model.receipt import ReceiptState
from broker.text import MAX_NAME, MAX_REASON, MAX_SCOPE
from broker.tool_origin import DIGEST_PATTERN, MAX_ORIGIN, ORIGIN_PATTERN

_LETTERS: Final = "_[0-9a-f]{2}_[a-z2-7]{26}$"

TASK_ID: Final = form(f"^[tc]{_LETTERS}", "t_07_" + "a" * 26)
LEASE_ID: Final = form(f"^l{_LETTERS}", "l_07_" + "c" * 26)
REVOCATION_ID: Final = form(f"^r{_LETTERS}", "r_07_" + "d" * 26)
REVIEW_ID: Final = form(f"^v{_LETTERS}", "v_00_" + "f" * 26)
GLASS_ID: Final = form(f"^g{_LETTERS}", "g_07_" + "f" * 26)
DECISION_ID: Final = form(f"^d{_LETTERS}", "d_07_" + "e" * 26)
APPROVAL_ID: Final = form(f"^a{_LETTERS}", "a_07_" + "f" * 26)
FINDING_ID: Final = form(f"^f{_LETTERS}", "f_07_" + "f" * 26)

DIGEST: Final = form("^[0-9a-f]{64}$", "ab" * 32)
URL: Final = text(least=1, most=MAX_URL, example="https://issuer.example")

NAME: Final = text(
    least=1, most=MAX_NAME, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/-]*$", example="invoice-bot"
)
GLOB: Final = described(
    text(
        least=1, most=MAX_NAME, pattern=r"^[A-Za-z0-9*?][A-Za-z0-9._:@/*?-]*$", example="nightly-*"
    ),
    "`*` stands for any characters, `?` for one.",
)
THING: Final = form(f"^{NAME_PATTERN}$", "search")
ORIGIN: Final = described(
    form(f"^{ORIGIN_PATTERN}$", "https://mcp.example/search"),
    f"An https address or a package URL with its version, in the one spelling of each; up to "
    f"{MAX_ORIGIN} characters.",
)
TOOL_DIGEST: Final = form(f"^{DIGEST_PATTERN}$", "sha256:" + "ab" * 32)
SCOPE: Final = text(least=1, most=MAX_SCOPE, pattern=r"^[!#-\[\]-~]+$", example="orders:read")
WORD: Final = described(
    text(least=1, most=MAX_WORD, example="OPS-1"), "NFC, without characters that cannot be seen."
)
REASON: Final = described(
    text(least=1, most=MAX_REASON, example="done"), "NFC, without characters that cannot be seen."
)
SCOPES: Final = array(SCOPE, least=1, most=MAX_LINES)
REFERENCES: Final = array(WORD, most=MAX_REFERENCES)
TTL: Final = number(1, Configured.MAX_TTL)
OPTIONAL_TTL: Final = TTL | {"type": ["integer", "null"]}
COUNT: Final = number(0)
STRING: Final[Schema] = {"type": "string"}
FLAG: Final[Schema] = {"type": "boolean"}
INSTANT: Final[Schema] = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
}
ASKED_INSTANT: Final = form(
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?Z$",
    "2027-01-15T08:00:00Z",
)
MAYBE_INSTANT: Final[Schema] = INSTANT | {"type": ["string", "null"]}
RECEIPT_STATE: Final = words(*ReceiptState)

CURSOR: Final = described(
    text(least=1, most=1024, pattern="^[A-Za-z0-9_-]+$"),
    "What `next` of the page before held. It is bound to the caller and to the filters.",
)
LIMIT: Final[Schema] = number(1, MAX_PAGE) | {"default": DEFAULT_PAGE}
WAIT: Final = described(
    number(0, MAX_SECONDS),
    "How many seconds the answer may take: it comes as soon as something has changed since what "
    "`If-None-Match` names, or since now; at once of a task that has ended,"
    " and in its report once every receipt is final.",
)
KNOWN: Final = {
    "If-None-Match": described(STRING, "The `ETag` of what is known; it makes `wait` miss nothing.")
}
PAGE: Final = {"cursor": CURSOR, "limit": LIMIT}
"""The parameters of every list."""

RECEIPTS: Final = {
    "state": RECEIPT_STATE,
    "capability": NAME,
    "kind": described(NAME, "The kind of credential: `jwt`."),
    "credential": LEASE_ID,
}
"""What a report is narrowed to; `counts` is of what is shown."""

TOOL: Final = described(
    record({"name": THING}, {"origin": nullable(ORIGIN), "digest": nullable(TOOL_DIGEST)}),
    "By which tool the credential will be used, as the agent says.",
)

PATH: Final = {
    "task": TASK_ID,
    "credential": LEASE_ID,
    "revocation": REVOCATION_ID,
    "decision": DECISION_ID,
    "approval": APPROVAL_ID,
    "review": REVIEW_ID,
    "glass": GLASS_ID,
    "selection": DIGEST,
    "finding": FINDING_ID,
    "revision": form("^[1-9][0-9]{0,8}$", "1"),
    "kind": words(*ThingKind),
    "tenant": NAME,
    "name": form(r"^[A-Za-z0-9][A-Za-z0-9._/#+@-]{0,127}$", "OPS-1"),
    "agent": NAME,
    "orchestrator": NAME,
    "problem": form("^[a-z-]{1,64}$", "not-found"),
}
"""What stands for a parameter of a path template, by its name."""

IDEMPOTENCY_KEY: Final = described(
    text(least=1, most=128, pattern=r"^[A-Za-z0-9._:-]+$", example="run-7.open"),
    "The same key of the same principal, instance and route names the same request: it has the "
    "effect of one, however often and however concurrently it comes. With another body it is "
    "refused (422).",
)

PROBLEM: Final = described(
    record(
        {
            "type": STRING | {"format": "uri"},
            "title": STRING,
            "status": number(400, 599),
            "detail": STRING,
        },
        {
            "field": described(STRING, "The member, parameter or header to mend."),
            "decision": described(DECISION_ID, "What an operator looks up to see why."),
            "error": described(words("use_dpop_nonce"), "RFC 9449 §8, where a nonce is needed."),
            "grown": described(COUNT, "How many credentials have come to a set."),
            "shrunk": described(COUNT, "How many no longer belong to it."),
            "deaths": described(COUNT, "How many live credentials a change would end."),
            "unsure": described(COUNT, "Of how many others that cannot be told."),
            "digest": described(DIGEST, "What to send as `accept` when they shall."),
            "faults": described(
                array(record({"field": STRING, "detail": STRING})),
                "Everything that is wrong with a change, each by its member.",
            ),
        },
    ),
    "RFC 9457. The last part of `type` is the stable word; `/problems/<word>` explains it.",
)
OAUTH_ERROR: Final = described(
    record(
        {
            "error": words(
                "access_denied",
                "invalid_client",
                "invalid_dpop_proof",
                "invalid_request",
                "server_error",
                "temporarily_unavailable",
                "use_dpop_nonce",
            ),
            "error_description": text(most=1024, pattern=r"^[ !#-\[\]-~]*$"),
        }
    ),
    "RFC 6749 §5.2.",
)

CONFIRMATION: Final = described(
    record({}, {"jkt": STRING, "x5t#S256": STRING}),
    "The key that a token is bound to (RFC 7800 §3; RFC 9449 §6, RFC 8705 §3.1).",
)
TOKEN_TYPE: Final = words("Bearer", "DPoP")

CEILING_LINE: Final = record({"capability": NAME, "scopes": SCOPES})

OPEN_GLASS: Final = {
    "open_break_glass": described(
        array(ref("OpenBreakGlass"), least=1), "The emergencies that are open; absent: none is."
    )
}
"""What marks a task, an agent, or what was decided about them."""

SCHEMAS: Final = {
    "OpenBreakGlass": record(
        {
            "id": GLASS_ID,
            "task": TASK_ID,
            "agent": STRING,
            "capability": STRING,
            "scopes": array(STRING),
            "ends_at": INSTANT,
        }
    ),
    "Problem": PROBLEM,
    "OAuthError": OAUTH_ERROR,
    "CeilingLine": CEILING_LINE,
    "Receipt": record(
        {
            "credential": LEASE_ID,
            "task": TASK_ID,
            "capability": STRING,
            "kind": STRING,
            "audience": STRING,
            "state": RECEIPT_STATE,
            "detail": STRING,
            "revoked_at": MAYBE_INSTANT,
            "expires_at": MAYBE_INSTANT,
        },
        {
            "target": NAME,
            "attempts": COUNT,
            "next_attempt_at": MAYBE_INSTANT,
            "tried_at": MAYBE_INSTANT,
            "settled_at": MAYBE_INSTANT,
            "why": ref("NoLonger"),
        },
    ),
    "NoLonger": described(
        record(
            {
                "reason": STRING,
                "policies": array(STRING),
                "missing": array(STRING),
                "gone": array(STRING),
                "revision": COUNT,
                "facts_revision": COUNT,
            }
        ),
        "Why it would not be granted any more: shown to operators only.",
    ),
}


def report(of: str, shown: str) -> Schema:
    """Write one page of a report of something."""
    return record(
        {
            of: ref(shown),
            "durability": words("os", "fsync"),
            "counts": {
                "type": "object",
                "propertyNames": RECEIPT_STATE,
                "additionalProperties": COUNT,
            },
            "receipts": array(ref("Receipt"), most=MAX_PAGE),
            "next": NEXT,
        }
    )
