import pytest

from broker.client import errors as client_errors
from broker.client.api_errors import ApiError, classes
from broker.errors import BrokerError
from broker.http import problems
from broker.running.errors import VerbNotDoneError
from tests.fakes.every_module import import_every_module


def _below(kind: type[Exception]) -> set[type[Exception]]:
    return {kind}.union(*map(_below, kind.__subclasses__()))


def _problem_types() -> set[str]:
    """Return every code that the broker can answer: each class with a row, and all below it."""
    import_every_module()
    kinds = {kind for listed in problems.TABLE for kind in _below(listed)}
    return {
        problems.word_of(kind)
        for kind in kinds
        if issubclass(kind, BrokerError) and kind.__module__.startswith("broker.")
    }


def test_the_client_has_one_class_for_every_problem_type_and_none_that_is_never_sent() -> None:
    """A new problem type needs a class in broker/client/api_errors.py that says what to do."""
    hyphenated = {code for kind in classes() for code in kind.codes if "_" not in code}

    assert hyphenated == _problem_types()


def _all_client_errors() -> list[type[client_errors.ClientError]]:
    import_every_module()  # whatever else is collected, or in which order
    found = _below(client_errors.ClientError) - _below(client_errors.RefusalError)
    return sorted(found, key=lambda kind: kind.__name__)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", _all_client_errors())
def test_every_error_that_a_caller_meets_has_a_remedy(
    kind: type[client_errors.ClientError],
) -> None:
    """The root has none: it is never raised. What a run's agent is told is whole as it is."""
    assert kind in {client_errors.ClientError, VerbNotDoneError} or kind.remedy.endswith(".")
    assert issubclass(kind, Exception)
    assert not issubclass(kind, ApiError) or kind.codes or kind is ApiError
