"""The table from errors to answers."""

import json
from collections.abc import Iterator

import pytest
from aiohttp import web

from broker import errors
from broker.http.problems import TABLE, answer, row_of
from broker.http.refusals import MethodNotAllowedError, of_aiohttp
from tests.fakes.every_module import import_every_module


def all_errors() -> list[type[errors.BrokerError]]:
    """Find every error class of the service, wherever it is defined."""
    import_every_module()
    return sorted(set(_below(errors.BrokerError)), key=lambda kind: kind.__qualname__)


def _below(kind: type[errors.BrokerError]) -> Iterator[type[errors.BrokerError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def test_every_error_has_a_row_of_its_own_or_of_its_family() -> None:
    """None falls through to the root's 500, but for what comes up beside requests."""
    beside = (errors.ConfigurationError, errors.OperationRefusedError)
    orphans = {kind for kind in all_errors() if row_of(kind) is TABLE[errors.BrokerError]}

    assert all(issubclass(kind, beside) for kind in orphans)


def test_the_family_of_attestation_has_one_row() -> None:
    """A row for one of them would tell it apart from the others (B28)."""
    family = [kind for kind in TABLE if issubclass(kind, errors.AttestationError)]

    assert family == [errors.AttestationError]


def test_codes_are_unique_and_well_formed() -> None:
    """They end in URLs and are what clients branch on."""
    codes = [kind.code for kind in all_errors() if "code" in vars(kind)]

    assert len(codes) == len(set(codes))
    assert all(code.replace("-", "").isalpha() and code.islower() for code in codes)


def test_what_is_not_ours_is_an_internal_error() -> None:
    """The row is found along the MRO, and the end of every MRO has one."""
    assert row_of(ZeroDivisionError).status == 500
    assert row_of(KeyboardInterrupt).status == 500


class _UnheardOfError(errors.LeaseEndedError):
    """Stands for a class that is added one day."""


def test_a_new_class_is_covered_by_its_parent() -> None:
    """It looks like its family until somebody gives it a row."""
    assert row_of(_UnheardOfError) is TABLE[errors.LeaseEndedError]


@pytest.mark.parametrize("shown", [row for row in TABLE.values() if not row.shows_text])
def test_rows_that_hide_the_text_have_another(shown: object) -> None:
    """Nobody is answered with nothing."""
    assert shown.detail  # type: ignore[attr-defined]


def test_a_body_that_is_not_worth_reading_ends_the_connection() -> None:
    """Too large, or too slow."""
    too_large = of_aiohttp(web.HTTPRequestEntityTooLarge(max_size=1))

    assert answer(too_large).keep_alive is False
    assert answer(errors.NotFoundError()).keep_alive is None


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (web.HTTPNotFound(), 404),
        (web.HTTPMethodNotAllowed("PUT", ["GET"]), 405),
        (web.HTTPRequestEntityTooLarge(max_size=1), 413),
        (web.HTTPBadRequest(), 400),
        (web.HTTPGone(), 400),
    ],
)
def test_what_the_library_refuses_gets_a_row_too(error: web.HTTPException, status: int) -> None:
    """Its own texts never reach a caller."""
    response = answer(of_aiohttp(error))

    assert response.status == status
    assert json.loads(response.body)["status"] == status  # type: ignore[arg-type]


def test_allowed_methods_are_named() -> None:
    """RFC 9110 §15.5.6."""
    assert answer(MethodNotAllowedError("GET,POST")).headers["Allow"] == "GET,POST"
