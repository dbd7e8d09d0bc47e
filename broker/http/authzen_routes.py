"""The OpenID AuthZEN Authorization API 1.0: others ask what we would decide."""

from typing import Any, Final, TypeVar

from aiohttp import web
from msgspec import UNSET

from broker.errors import InvalidRequestError
from broker.http import render, render_metadata
from broker.http.bodies import Bodies, shaped
from broker.http.keys import PRINCIPAL
from broker.http.refusals import UnsupportedMediaTypeError
from broker.http.services import Services
from broker.http.table import Table
from broker.http.wire import Body
from broker.http.wire_authzen import (
    MAX_ID,
    EvaluationBody,
    EvaluationItem,
    EvaluationsBody,
    NamedPart,
)
from broker.model.evaluation import Asked, Evaluated, Evaluation, Named, Semantic
from broker.text import parse_text

B = TypeVar("B", bound=Body)

Parts = dict[str, Any]
"""What is said of a question, by the names of an :class:`Evaluation`'s members."""

CONFIGURATION: Final = "/.well-known/authzen-configuration"


class AuthZenRoutes:
    """``/access/v1/…`` and their metadata."""

    def __init__(self, services: Services, bodies: Bodies) -> None:
        self._evaluations = services.evaluations
        self._bodies = bodies
        self._metadata = render_metadata.authzen(services.issuer)

    def register(self, table: Table) -> None:
        """Add the routes."""
        table.ask("/access/v1/evaluation", self.evaluate)
        table.ask("/access/v1/evaluations", self.evaluate_all)
        table.public(CONFIGURATION, self.metadata)

    async def evaluate(self, request: web.Request) -> web.Response:
        """Answer one question; a denial is an answer like the other."""
        body = await self._read(request, EvaluationBody)
        question = Evaluation(
            subject=_named(body.subject, "subject"),
            action=_word(body.action.name, "action.name"),
            action_properties=body.action.properties,
            resource=_named(body.resource, "resource"),
            context=body.context,
        )
        answer = await self._evaluations.evaluate(request[PRINCIPAL], question)
        return render.reply(render_evaluated(answer))

    async def evaluate_all(self, request: web.Request) -> web.Response:
        """Answer several questions, or the one that the whole is."""
        body = await self._read(request, EvaluationsBody)
        semantic = _semantic(body.options.evaluations_semantic)
        caller = request[PRINCIPAL]
        defaults = _parts(body)
        if not body.evaluations:
            question = _completed({}, defaults)
            return render.reply(
                render_evaluated(await self._evaluations.evaluate(caller, question))
            )
        questions = [
            _item(item, defaults, f"evaluations[{number}].")
            for number, item in enumerate(body.evaluations)
        ]
        answers = await self._evaluations.evaluate_all(caller, questions, semantic)
        return render.reply({"evaluations": [render_evaluated(answer) for answer in answers]})

    async def _read(self, request: web.Request, shape: type[B]) -> B:
        """Read a body; of another type it is one more that is malformed (§10.1.2 knows no 415)."""
        try:
            return await self._bodies.json(request, shape)
        except UnsupportedMediaTypeError as error:
            raise InvalidRequestError(str(error), field="Content-Type") from error

    async def metadata(self, _request: web.Request) -> web.Response:
        """Show where the API is."""
        return render.reply(self._metadata)


def render_evaluated(answer: Evaluated) -> render.Json:
    """Show an answer."""
    shown: render.Json = {"decision": answer.decision}
    return shown | ({"context": dict(answer.context)} if answer.context else {})


def _item(item: Parts, defaults: Parts, where: str) -> Asked:
    """Read one of several; what is wrong with it is the answer to it alone (§7.2.1)."""
    try:
        return _completed(_parts(shaped(item, EvaluationItem)), defaults)
    except InvalidRequestError as error:
        return InvalidRequestError(str(error), field=f"{where}{error.field}")


def _completed(own: Parts, defaults: Parts) -> Evaluation:
    parts: Parts = {"context": {}, **defaults, **own}
    missing = next((name for name in ("subject", "action", "resource") if name not in parts), None)
    if missing is not None:
        raise InvalidRequestError("this member is required", field=missing)
    return Evaluation(**parts)


def _parts(body: EvaluationItem | EvaluationsBody) -> Parts:
    """Return what is said, by the names of an :class:`Evaluation`'s members."""
    found: Parts = {}
    if body.subject is not UNSET:
        found["subject"] = _named(body.subject, "subject")
    if body.action is not UNSET:
        found["action"] = _word(body.action.name, "action.name")
        found["action_properties"] = body.action.properties
    if body.resource is not UNSET:
        found["resource"] = _named(body.resource, "resource")
    if body.context is not UNSET:
        found["context"] = body.context
    return found


def _named(part: NamedPart, where: str) -> Named:
    return Named(_word(part.type, f"{where}.type"), _word(part.id, f"{where}.id"), part.properties)


def _word(given: str, where: str) -> str:
    return parse_text(given, field=where, max_length=MAX_ID)


def _semantic(given: str) -> Semantic:
    try:
        return Semantic(given)
    except ValueError:
        words = ", ".join(Semantic)
    raise InvalidRequestError(f"use one of: {words}", field="options.evaluations_semantic")
