"""What the OAuth world reads: introspection (RFC 7662), keys (RFC 7517), metadata (RFC 8414)."""

from typing import Final

from broker.http.contract.operation import FORM, Answer, Body, Operation
from broker.http.contract.parts import CONFIRMATION, COUNT, STRING, TASK_ID, TOKEN_TYPE
from broker.http.contract.schema import Schema, array, described, record, ref

_ACTIVE: Final = record(
    {
        "active": {"type": "boolean", "const": True},
        "scope": STRING,
        "client_id": STRING,
        "token_type": TOKEN_TYPE,
        "exp": COUNT,
        "iat": COUNT,
        "sub": STRING,
        "aud": STRING,
        "iss": STRING,
        "jti": STRING,
        "act": ref("Actor"),
        "task": TASK_ID,
        "agent": STRING,
        "capability": STRING,
        "tenant": STRING,
    },
    {"cnf": CONFIRMATION},
)

_JWK: Final[Schema] = {
    "type": "object",
    "required": ["kty", "kid"],
    "properties": {"kty": STRING, "kid": STRING, "d": False},
    "additionalProperties": STRING,
}

SCHEMAS: Final = {
    "Actor": described(
        record({"sub": STRING}, {"act": ref("Actor")}),
        "The chain of agents, outermost the current one (RFC 8693 §4.1).",
    ),
    "Introspection": {
        "oneOf": [record({"active": {"type": "boolean", "const": False}}), _ACTIVE],
        "description": "Of a token that is not alive for this caller nothing else is said.",
    },
    "IntrospectForm": {
        "type": "object",
        "properties": {
            "token": STRING | {"minLength": 1},
            "token_type_hint": described(STRING, "Does not matter."),
        },
        "required": ["token"],
        "maxProperties": 16,
        "additionalProperties": True,
        "description": "Unknown parameters are ignored (RFC 6749 §3.2).",
    },
    "Jwks": record({"keys": array(_JWK)}),
    "Metadata": record(
        {
            "issuer": STRING,
            "jwks_uri": STRING,
            "introspection_endpoint": STRING,
            "introspection_endpoint_auth_methods_supported": array(STRING),
            "response_types_supported": array(STRING),
            "grant_types_supported": array(STRING),
            "dpop_signing_alg_values_supported": array(STRING),
        }
    ),
    "Discovery": record(
        {
            "issuer": STRING,
            "jwks_uri": STRING,
            "response_types_supported": array(STRING),
            "subject_types_supported": array(STRING),
            "id_token_signing_alg_values_supported": array(STRING),
            "claims_supported": array(STRING),
        }
    ),
}

OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/oauth/introspect",
        name="introspect",
        summary="Judge a token of the resource server's own (RFC 7662)",
        callers=("resource",),
        body=Body("IntrospectForm", {"token": "e30.e30.e30"}, media=FORM),
        answers={200: Answer("Whether it is alive.", "Introspection")},
        problems=("access-denied",),
    ),
    Operation(
        method="GET",
        path="/.well-known/jwks.json",
        name="showKeys",
        summary="Show the public signing keys",
        callers=(),
        headers={"If-None-Match": described(STRING, "The `ETag` of the keys that are known.")},
        answers={
            200: Answer("The keys.", "Jwks", headers=("ETag",)),
            304: Answer("They are those that are known.", media="", headers=("ETag",)),
        },
        problems=("unavailable",),
    ),
    Operation(
        method="GET",
        path="/.well-known/oauth-authorization-server",
        name="showMetadata",
        summary="Show the metadata",
        callers=(),
        answers={200: Answer("The metadata.", "Metadata")},
    ),
    Operation(
        method="GET",
        path="/.well-known/openid-configuration",
        name="showDiscovery",
        summary="Show targets that the broker logs in at where its keys are",
        callers=(),
        answers={200: Answer("The document.", "Discovery")},
    ),
)
