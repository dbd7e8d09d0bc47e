import json

import pytest

from broker.client import api_errors
from broker.client.api_errors import ApiError, refusal

CODES = [
    ("invalid-request", 400, api_errors.RequestRejectedError),
    ("idempotency-conflict", 422, api_errors.IdempotencyKeyReusedError),
    ("unauthenticated", 401, api_errors.UnauthenticatedError),
    ("access-denied", 403, api_errors.AccessRefusedError),
    ("evidence-used", 403, api_errors.EvidenceUsedError),
    ("not-found", 404, api_errors.AbsentError),
    ("task-closed", 409, api_errors.TaskEndedError),
    ("credential-ended", 410, api_errors.CredentialEndedError),
    ("credential-not-renewable", 409, api_errors.CredentialNotRenewableError),
    ("quota-exceeded", 429, api_errors.QuotaError),
    ("unavailable", 503, api_errors.BrokerUnavailableError),
    ("store-unavailable", 503, api_errors.LedgerUnavailableError),
    ("stale-facts", 503, api_errors.StaleFactsError),
    ("issuance-failed", 502, api_errors.IssuanceFailedError),
]


def problem(code: str, **members: object) -> bytes:
    """Return a problem document."""
    return json.dumps({"type": f"https://jit-broker.example/problems/{code}", **members}).encode()


@pytest.mark.parametrize(("code", "status", "kind"), CODES)
def test_each_code_has_its_class(code: str, status: int, kind: type[ApiError]) -> None:
    """A caller catches what it knows the remedy of."""
    error = refusal(status, problem(code, title="T", detail="D", field="f", decision="d"))

    assert type(error) is kind
    assert (error.code, error.decision, error.problem.field) == (code, "d", "f")
    assert str(error) == f"{status} {code}: D"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, api_errors.RequestRejectedError),
        (401, api_errors.UnauthenticatedError),
        (403, api_errors.AccessRefusedError),
        (404, api_errors.AbsentError),
        (409, ApiError),
        (418, ApiError),
        (429, api_errors.QuotaError),
        (500, api_errors.BrokerFaultError),
        (503, api_errors.BrokerUnavailableError),
    ],
)
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'{"type":1}', b'{"title":"a","title":"b"}', problem("brand-new")],
)
def test_an_unknown_answer_has_the_class_of_its_status(
    status: int, kind: type[ApiError], body: bytes
) -> None:
    """A proxy's page and a newer broker's code are told apart by status alone."""
    assert type(refusal(status, body)) is kind


def test_an_oauth_error_is_read_as_well() -> None:
    """The routes below /oauth/ speak RFC 6749."""
    error = refusal(401, b'{"error":"invalid_client","error_description":"no"}')

    assert isinstance(error, api_errors.UnauthenticatedError)
    assert str(error) == "401 invalid_client: no"


@pytest.mark.parametrize(
    ("header", "seconds"), [("", 0), ("7", 7), ("-1", 0), ("1.5", 0), ("Fri, 31 Dec", 0)]
)
def test_how_long_to_wait_is_read_when_it_is_plain(header: str, seconds: int) -> None:
    """Whatever stands in the header, there is a number."""
    assert refusal(429, b"", header).problem.retry_after_seconds == seconds


def test_what_a_refusal_says_cannot_steer_a_terminal_or_forge_a_line() -> None:
    """The texts go to logs; whoever wrote them may be hostile."""
    hostile = "a\x1b[2J\nforged line\u202e" + "x" * 100_000

    error = refusal(403, problem("access-denied", title=hostile, detail=hostile))

    assert str(error).isprintable()
    assert len(str(error)) < 10_000


@pytest.mark.parametrize("kind", list(api_errors.classes()))
def test_every_class_says_what_to_do(kind: type[ApiError]) -> None:
    """One sentence that a person can act on."""
    assert kind.remedy.endswith(".")
    assert kind.__doc__


def test_no_two_classes_answer_for_one_code_or_status() -> None:
    """Which class a refusal has does not depend on an order."""
    kinds = list(api_errors.classes())
    codes = [code for kind in kinds for code in kind.codes]
    statuses = [status for kind in kinds for status in vars(kind).get("statuses", ())]

    assert len(set(codes)) == len(codes)
    assert len(set(statuses)) == len(statuses)
