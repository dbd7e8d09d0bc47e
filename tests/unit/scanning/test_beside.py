import io
from typing import Final

import pytest

from broker.scanning.beside import account_of
from broker.scanning.engine import KingfisherEngine
from broker.scanning.looking import look_through
from broker.scanning.making import made
from broker.scanning.surfaces import surface_of
from tests.fakes import pretend_secrets as pretend

WORD: Final = pretend.password("beside")
TOKEN: Final = pretend.drawn("beside", 32)

KNOWN: Final = {
    "variables": (
        ".env",
        f"PGHOST=db.internal\nPGPASSWORD={WORD}\nPGDATABASE=orders\n",
        ("postgres", {"host": "db.internal", "database": "orders"}),
    ),
    "command": (
        "run.sh",
        f"PGPASSWORD={WORD} psql -h db.internal -p 5433 -U app -d orders\n",
        (
            "postgres",
            {"host": "db.internal", "port": "5433", "user": "app", "database": "orders"},
        ),
    ),
    "words": (
        "run.sh",
        f'psql "host=db.internal user=app password={WORD} dbname=orders"\n',
        (
            "postgres",
            {"scheme": "postgresql", "host": "db.internal", "user": "app", "database": "orders"},
        ),
    ),
    "address-elsewhere": (
        "application.properties",
        f"spring.datasource.url=jdbc:mysql://db.internal:3306/shop\nspring.datasource.password={WORD}\n",
        ("mysql", {"scheme": "mysql", "host": "db.internal", "port": "3306", "database": "shop"}),
    ),
    "service": (
        ".env",
        f"ORDERS_URL=https://orders.internal/v1\nORDERS_ACCESS_TOKEN={TOKEN}\n",
        ("service-key", {"host": "orders.internal"}),
    ),
    "service-of-others": (
        ".bash_history",
        f'curl -H "Authorization: Bearer {TOKEN}" https://api.openai.com/v1/models\n',
        ("openai-key", {"host": "api.openai.com"}),
    ),
    "mcp": (
        ".mcp.json",
        f'{{"url": "https://mcp.internal/", "headers": {{"Authorization": "Bearer {TOKEN}"}}}}',
        ("http-login", {"host": "mcp.internal"}),
    ),
    "two-hosts": (
        ".env",
        f"PGHOST=one.internal\nPGPASSWORD={WORD}\nPGHOST=two.internal\nPGDATABASE=orders\n",
        ("postgres", {"database": "orders"}),
    ),
    "references": (
        ".env",
        f"PGHOST=${{DB_HOST}}\nPGPASSWORD={WORD}\n",
        ("postgres", {}),
    ),
    "far-away": (
        ".env",
        "PGHOST=db.internal\n" + "# some words\n" * 400 + f"PGPASSWORD={WORD}\n",
        ("postgres", {}),
    ),
    "odd-password": (
        ".env",
        f"A=postgres://app:pas@{WORD}/x@db.internal/orders\n",
        (
            "postgres",
            {"scheme": "postgres", "user": "app", "host": "db.internal", "database": "orders"},
        ),
    ),
}


@pytest.mark.parametrize("case", KNOWN)
def test_what_stands_beside_a_secret_says_what_it_is_for(
    case: str, engine: KingfisherEngine
) -> None:
    """Where it is certain; else nothing is said."""
    path, text, expected = KNOWN[case]

    (match,) = look_through(io.BytesIO(text.encode()), path, surface_of(path), engine)

    finding = made(match, path, surface_of(path).name)
    assert (finding.kind, finding.words) == expected


def test_the_id_of_a_key_names_its_account() -> None:
    """The example of whoever has published it; ids of before 2019 name none."""
    assert account_of("AS" + "IA" + "QNZGKIQY56JQ7WML") == "029608264753"
    assert account_of("AK" + "IA" + "IOSFODNN7EXAMPLE") == ""
