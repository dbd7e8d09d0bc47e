"""Refusals as AWS's tools show them: with their code and their text.

botocore takes the two out of the body that its protocol has: XML of S3, XML of the older services,
or JSON, in which a problem (RFC 9457) has room for both.
"""

from typing import Final
from xml.sax.saxutils import escape

from broker.proxy.message import RequestHead
from broker.proxy.problem import Document, Problem

_S3: Final = frozenset({"s3", "s3-object-lambda", "s3-outposts"})
_FORM: Final = "application/x-www-form-urlencoded"
"""What services are asked with that answer in XML."""
_XML: Final = frozenset({"cloudfront", "route53"})


def document(problem: Problem, service: str, head: RequestHead) -> Document:
    """Write a refusal for the client of a service."""
    kind = head.fields.one("content-type") or ""
    if service in _S3:
        return Document("application/xml", _error(problem).encode())
    if service in _XML or kind.lower().startswith(_FORM):
        text = f"<ErrorResponse>{_error(problem)}</ErrorResponse>"
        return Document("application/xml", text.encode())
    return problem.document(code=problem.code, message=problem.detail)


def _error(problem: Problem) -> str:
    code, message = escape(problem.code), escape(problem.detail)
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
