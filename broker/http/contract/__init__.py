"""The contract: what the HTTP API promises, as data, one file per group of routes.

:mod:`~broker.http.contract.document` makes the OpenAPI 3.1 document of it, which the broker serves
at ``/v1/openapi.json``. Tests hold it against the code in both directions: a route, a parameter, a
member or a problem that is in one of them only fails. To add a route, add an
:class:`~broker.http.contract.operation.Operation` to the file of its group.
"""
