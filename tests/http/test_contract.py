"""The contract and the code, held against each other in both directions.

Whoever adds a route is told here what else belongs to it.
"""

import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
import pytest
from aiohttp import ClientSession, web
from jsonschema import Draft202012Validator

from broker.http import feed_routes
from broker.http.contract.document import OPERATIONS, SCHEMAS, document
from broker.http.contract.failures import NO_ROUTE, failures
from broker.http.contract.operation import FORM, Operation
from broker.http.edge import PUBLIC
from broker.http.limits import Limits
from broker.http.routes import QUERIES, build
from broker.http.wire import Body
from tests.fakes.contract import DOCUMENT
from tests.fakes.fake_glass import GLASS
from tests.fakes.probes import Probe, objects, probes, resolved, sample, shown
from tests.fakes.review_verbs import REVIEW
from tests.fakes.samples import APPROVAL, DECISION, LEASE, REVOCATION, TASK
from tests.fakes.services import Stage, make_services

HOW: Final = (
    "add an Operation to the file of its group in broker/http/contract/ (path parameters: "
    "parts.PATH), a row to docs/api.md, and one to tests/e2e/test_every_route.py"
)
IDS: Final = {
    "task": TASK,
    "credential": LEASE,
    "revocation": REVOCATION,
    "decision": DECISION,
    "approval": APPROVAL,
    "review": REVIEW,
    "glass": GLASS,
    "selection": "ab" * 32,
    "finding": f"f_07_{'f' * 26}",
    "agent": "invoice-bot",
    "orchestrator": "ci-orchestrator",
    "problem": "not-found",
    "revision": "1",
    "kind": "ticket",
    "tenant": "acme",
    "name": "OPS-1",
}
NEEDS: Final = {"reachFacts": {"from": "ticket:OPS-1"}}
"""What a query has to say besides the parameter that is tried."""

CALLER: Final = {
    "agent": "agent",
    "orchestrator": "orchestrator",
    "operator": "operator",
    "person": "person",
    "resource": "resource",
}
FEED: Final = "/v1/feed"
NOT_THAT: Final = '"of-another-state"'
"""What makes even the longest wait that is allowed end at once: there is something new."""


def named(operation: Operation) -> str:
    """Name a test case."""
    return operation.name


def application() -> web.Application:
    """Build the application with every route that there is; none is called."""
    limits = Limits()
    extra = feed_routes.routes(hub=None, limits=limits)  # type: ignore[arg-type]
    return build(make_services(Stage(), extra_routes=extra))


def test_every_route_is_in_the_contract_and_no_other() -> None:
    """A HEAD is there for what is public, and only there."""
    served = {
        (route.method, route.resource.canonical)
        for route in application().router.routes()
        if route.resource is not None
    }
    promised = {(each.method, each.path) for each in OPERATIONS}

    heads = {path for method, path in served if method == "HEAD"}
    served -= {("HEAD", path) for path in heads}
    assert served - promised == set(), f"not in the contract: {HOW}"
    assert promised - served == set(), "in the contract, and served by nobody"
    public = [each for each in OPERATIONS if each.is_public]
    posted = {each.path for each in public if each.method == "POST"}
    known = {"/v1/signals", "/v1/backchannel-logout", "/v1/ends/{orchestrator}"}
    assert posted == known, "what vouches for itself; nothing else is open to strangers"
    assert heads | posted == PUBLIC == {each.path for each in public}


def test_every_query_parameter_is_in_the_contract_and_no_other() -> None:
    """What Table.read lets through is what the Operation says, and nothing comes with a POST."""
    known = dict(application()[QUERIES])
    known[FEED] = feed_routes.QUERY
    for operation in OPERATIONS:
        read = known.get(operation.path, ()) if operation.method == "GET" else ()
        assert set(operation.query) == set(read), (
            f"{operation.name}: the code reads {sorted(read)}, the contract says "
            f"{sorted(operation.query)}: change Operation.query"
        )


def shapes() -> list[type[Body]]:
    """Find every shape that a body can have."""
    found, waiting = [], list(Body.__subclasses__())
    while waiting:
        shape = waiting.pop()
        found.append(shape)
        waiting += shape.__subclasses__()
    return sorted(found, key=lambda shape: shape.__name__)


@pytest.mark.parametrize("shape", shapes(), ids=lambda shape: shape.__name__)
def test_every_body_is_in_the_contract_member_by_member(shape: type[Body]) -> None:
    """The same members, the same required ones."""
    assert shape.__name__ in SCHEMAS, (
        f"declare {shape.__name__} in the SCHEMAS of its group in broker/http/contract/, by "
        "that very name"
    )
    declared: Any = SCHEMAS[shape.__name__]
    fields = msgspec.structs.fields(shape)

    assert set(declared["properties"]) == {field.encode_name for field in fields}
    assert set(declared["required"]) == {f.encode_name for f in fields if f.required}
    assert declared["additionalProperties"] is not shape.__struct_config__.forbid_unknown_fields


def test_every_body_that_a_route_reads_has_a_shape() -> None:
    """A form is read member by member."""
    names = {each.body.schema for each in OPERATIONS if each.body and each.body.media != FORM}

    assert names <= {shape.__name__ for shape in shapes()}


HERE: Final = [each for each in OPERATIONS if not each.is_public and not each.path.startswith(FEED)]
"""The hub is not among the doubles; tests/http/test_feed_routes.py has it. What is public reads
nothing."""

READING: Final = [each for each in HERE if each.body and each.body.media != FORM]
ASKING: Final = [each for each in HERE if each.query]


def bases(operation: Operation) -> Iterator[dict[str, Any]]:
    """Return bodies that are accepted, so that every member is in one of them."""
    assert operation.body is not None
    example = dict(operation.body.example)
    yield example
    properties: Any = resolved(DOCUMENT["components"]["schemas"][operation.body.schema])
    for name, member in properties["properties"].items():
        if name in example:
            continue
        if operation.body.schema == "RevokeBody" and name != "in_tenant":
            yield {"reason": "x", name: sample(member)}  # it names exactly one thing
        elif operation.body.schema == "SelectBody":
            yield {name: sample(member)}  # it names something
        else:
            yield {**example, name: sample(member)}


def variations(operation: Operation) -> Iterator[Probe]:
    """Vary every member of a body."""
    assert operation.body is not None
    schema = DOCUMENT["components"]["schemas"][operation.body.schema]
    for base in bases(operation):
        yield Probe(base, is_good=True)
        yield from objects(schema, base)


def is_beside_the_point(operation: Operation, probe: Probe) -> bool:
    """Leave out what is wrong for another reason: a body that names nothing at all."""
    assert operation.body is not None
    name = operation.body.schema
    if name not in ("RevokeBody", "SelectBody") or not probe.is_good:
        return False
    selectors = set(SCHEMAS[name]["properties"]) - {"reason", "in_tenant"}  # type: ignore[call-overload]
    return not any(probe.value.get(name) is not None for name in selectors)


@pytest.mark.parametrize("operation", READING, ids=named)
async def test_every_limit_of_a_body_is_the_codes_own(
    client: ClientSession, operation: Operation
) -> None:
    """At the limit it is accepted; beyond it, it is refused and the member is named."""
    path = operation.path.format(**IDS)
    for probe in variations(operation):
        if is_beside_the_point(operation, probe):
            continue
        async with client.request(
            operation.method, path, json=probe.value, headers=as_caller(operation)
        ) as answer:
            problem = await answer.json(content_type=None)
        if probe.is_good:
            assert answer.status < 300, (operation.name, shown(probe), problem)
        else:
            assert answer.status == 400, (operation.name, shown(probe), problem)
            assert is_within(problem["field"], probe.field), (shown(probe), problem)


def is_within(told: str, meant: str) -> bool:
    """Tell whether the member that is named is the wrong one, or a part of it."""
    told = told.replace("[...]", "")
    return told.startswith(meant) or meant.startswith(told)


def as_caller(operation: Operation) -> dict[str, str]:
    """Return the headers of somebody whom a route is for."""
    return {"Authorization": f"Bearer token-of-{operation.callers[0]}"}


@pytest.mark.parametrize("operation", ASKING, ids=named)
async def test_every_limit_of_a_parameter_is_the_codes_own(
    client: ClientSession, operation: Operation
) -> None:
    """Each one alone; a wrong value is refused by its name, never ignored."""
    path, headers = operation.path.format(**IDS), as_caller(operation)
    if "wait" in operation.query:
        headers |= {"If-None-Match": NOT_THAT}
    for name in operation.query:
        found = resolved(DOCUMENT["paths"][operation.path]["get"])["parameters"]
        declared = next(each["schema"] for each in found if each["name"] == name)
        for probe in probes(declared, sample(declared)):
            if type(probe.value) is not (int if "minimum" in declared else str):
                continue  # in a query everything is a text
            if name == "cursor" and probe.is_good:
                continue  # well-formed, and still none of this list
            beside = {} if name in ("from", "to") else NEEDS.get(operation.name, {})
            query = urlencode({**beside, name: str(probe.value)})
            async with client.get(f"{path}?{query}", headers=headers) as answer:
                problem = await answer.json(content_type=None)
            expected = 200 if probe.is_good else 400
            assert answer.status == expected, (operation.name, query, problem)
            if not probe.is_good:
                assert problem["field"] == name


@pytest.mark.parametrize("operation", HERE, ids=named)
async def test_a_parameter_that_is_not_declared_is_refused(
    client: ClientSession, operation: Operation
) -> None:
    """And named."""
    path = operation.path.format(**IDS)
    headers = as_caller(operation)
    async with client.request(operation.method, f"{path}?nosuch=1", headers=headers) as answer:
        problem = await answer.json(content_type=None)

    assert answer.status == 400
    assert "nosuch" in json.dumps(problem) or operation.speaks_oauth


def test_operations_and_schemas_are_named_once_and_used() -> None:
    """A generated client has a method of each name, and no class that nobody uses."""
    names = [each.name for each in OPERATIONS]
    text = json.dumps(DOCUMENT)

    assert len(set(names)) == len(names)
    for name in SCHEMAS:
        assert f'"#/components/schemas/{name}"' in text, f"nothing refers to {name}"


def test_every_schema_is_a_schema() -> None:
    """By the dialect that the document names."""
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_problem_that_is_declared_exists() -> None:
    """By its stable word."""
    for operation in OPERATIONS:
        unknown = set(operation.problems) - set(failures())
        assert unknown == set(), f"{operation.name} declares {unknown}: see broker/http/problems.py"


def test_every_problem_is_declared_by_some_route() -> None:
    """Besides those that no route is there to declare."""
    text = json.dumps(DOCUMENT["paths"])

    for code in failures():
        if code not in NO_ROUTE or code == "not-found":
            assert f'/problems/{code}"' in text, f"no Operation.problems names {code}"


async def test_the_document_is_served_to_anybody(client: ClientSession) -> None:
    """With this installation's own limits."""
    async with client.get("/v1/openapi.json") as answer:
        served = await answer.json()

    assert answer.status == 200
    assert served == DOCUMENT


def test_the_limits_are_the_installations_own() -> None:
    """Nobody is promised eight hours by a broker that allows one."""
    shown: Any = document(Limits(max_ttl_seconds=3_600))

    body = shown["components"]["schemas"]["OpenTaskBody"]["properties"]
    assert body["ttl_seconds"]["maximum"] == 3_600
    assert (
        DOCUMENT["components"]["schemas"]["ExtendBody"]["properties"]["ttl_seconds"]["maximum"]
        == Limits().max_ttl_seconds
    )
