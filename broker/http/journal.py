"""What the edge writes to the log about requests: an allow-list, never headers, never bodies."""

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from broker.errors import AccessDeniedError, AttestationError, BrokerError
from broker.http import problems
from broker.http.keys import PRINCIPAL, REQUEST_ID


class Journal:
    """Writes request log lines. Answered requests are silent unless ``logs_all``."""

    def __init__(self, log: FilteringBoundLogger, *, logs_all: bool) -> None:
        self._log = log
        self._logs_all = logs_all

    def answered(self, request: web.Request, path: str, status: int, seconds: float) -> None:
        """Note that a request has its answer."""
        if self._logs_all:
            self._log.info(
                "request",
                request_id=request[REQUEST_ID],
                method=request.method,
                route=path,
                status=status,
                milliseconds=round(seconds * 1000, 3),
                caller=_caller(request),
            )

    def refused(self, request: web.Request, error: Exception) -> None:
        """Note why a request failed: callers' faults quietly, our own with the trace."""
        status = problems.row_of(type(error)).status
        facts = {
            "request_id": request[REQUEST_ID],
            "status": status,
            "code": error.code if isinstance(error, BrokerError) else BrokerError.code,
            "caller": _caller(request),
        } | _known(error)
        if status < web.HTTPInternalServerError.status_code:
            self._log.info("request refused", **facts)
        elif isinstance(error, BrokerError) and error.retryable:
            self._log.warning("request failed", detail=str(error), **facts)
        else:
            self._log.error("request failed", exc_info=error, **facts)


def _caller(request: web.Request) -> str:
    principal = request.get(PRINCIPAL)
    return principal.ref if principal is not None else ""


def _known(error: Exception) -> dict[str, str]:
    """What the broker itself, and not the caller, wrote into an error."""
    match error:
        case AttestationError():
            return {"reason": error.reason, "detail": str(error)}
        case AccessDeniedError():
            return {"reason": error.reason, "decision": error.decision_id}
        case _:
            return {}
