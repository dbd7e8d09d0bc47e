"""Holds every answer that a test gets against the contract."""

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from aiohttp import web
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from broker.http.contract.document import document
from broker.http.contract.failures import failures
from broker.http.limits import Limits
from broker.http.problems import TYPE_BASE

DOCUMENT: Final[dict[str, Any]] = json.loads(json.dumps(document(Limits())))
_BASE: Final = "urn:contract"
_REGISTRY: Final = Registry().with_resource(
    _BASE, Resource(contents=DOCUMENT, specification=DRAFT202012)
)
_TYPES: Final = {TYPE_BASE + code for code in failures()}
_OAUTH: Final = "/oauth/"
_WHERE: Final = "Declare it in broker/http/contract/, in the file of the route's group."


class ContractError(AssertionError):
    """An answer is not what the contract says."""


def _template(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))


_TEMPLATES: Final = sorted(
    ((_template(path), path) for path in DOCUMENT["paths"]), key=lambda pair: pair[1].count("{")
)


def check(method: str, path: str, status: int, content_type: str, raw: bytes) -> None:
    """Hold one answer against the contract.

    Raises:
        ContractError: the status, the type or the body is not declared for this route.
    """
    media = content_type.partition(";")[0]
    operation = _operation(method, path.partition("?")[0])
    if method == "HEAD":
        return  # a GET without its body
    if operation is None:
        _check_refusal(path, status, media, raw)
        return
    told = f"{method} {path} answered {status} {media}"
    declared = operation["responses"].get(str(status))
    if declared is None:
        raise ContractError(f"{told}: no such status is declared. {_WHERE} Body: {raw[:300]!r}")
    content = declared.get("content", {})
    if not content:
        if raw:
            raise ContractError(f"{told}: a body, and none is declared. {_WHERE}")
        return
    if media not in content:
        raise ContractError(f"{told}: declared are {sorted(content)}. {_WHERE}")
    if media.endswith("json"):
        _validate(content[media]["schema"], raw, told)


def check_failure(path: str, media: str, raw: bytes) -> None:
    """Hold a failure against the form that all have, whichever route may raise it."""
    name = "OAuthError" if path.startswith(_OAUTH) and not media.endswith("problem+json") else ""
    _validate({"$ref": f"#/components/schemas/{name or 'Problem'}"}, raw, path)


def _check_refusal(path: str, status: int, media: str, raw: bytes) -> None:
    """Hold against the contract what no route answered."""
    assert status >= 400, f"{path} answered {status}, and the contract has no such route"
    if raw:
        check_failure(path, media, raw)
        kind = json.loads(raw).get("type")
        assert kind is None or kind in _TYPES, f"{kind} is no declared problem"


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for template, name in _TEMPLATES:
        if template.fullmatch(path):
            found: dict[str, Any] | None = DOCUMENT["paths"][name].get(method.lower())
            return found
    return None


def _validate(schema: dict[str, Any], raw: bytes, told: str) -> None:
    try:
        value = json.loads(raw)
    except ValueError as error:
        raise ContractError(f"{told}: that is no JSON: {raw[:300]!r}") from error
    faults = list(_validator(json.dumps(schema)).iter_errors(value))
    if faults:
        where = "; ".join(f"{fault.json_path}: {fault.message}" for fault in faults)
        raise ContractError(f"{told}: {where[:800]}. {_WHERE}")


@cache
def _validator(schema: str) -> Draft202012Validator:
    absolute = schema.replace('"#/components', f'"{_BASE}#/components')
    return Draft202012Validator(json.loads(absolute), registry=_REGISTRY)


class Checked:
    """Holds what an application answers against the contract, and remembers what is not in it.

    ``lenient`` tells whether the verbs were told to do what they never would: then only the form of
    a failure counts, not which routes may raise it.
    """

    def __init__(self, *, lenient: Callable[[], bool]) -> None:
        self._lenient = lenient
        self.faults: list[ContractError] = []

    async def look(self, request: web.Request, response: web.StreamResponse) -> None:
        """Look at one answer. An ``on_response_prepare`` signal."""
        if request.transport is None:
            return
        body = response.body if isinstance(response, web.Response) else None
        raw = bytes(body) if isinstance(body, bytes | bytearray) else b""
        try:
            path = request.rel_url.raw_path  # a name may hold a slash
            if self._lenient():
                if response.status >= 400:
                    check_failure(path, response.content_type, raw)
            elif isinstance(response, web.Response):
                check(request.method, path, response.status, response.content_type, raw)
        except ContractError as fault:
            self.faults.append(fault)
