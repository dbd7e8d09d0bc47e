"""What each rule of ours must find, and what it must not, near as it is."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from tests.fakes import pretend_secrets as pretend

PASSWORD: Final = pretend.password("vector")
TOKEN: Final = pretend.drawn("vector", 32)
BASE64: Final = pretend.drawn("vector64", 48) + "=="
PEM: Final = pretend.private_key("vector")


class Vector(NamedTuple):
    """Texts of one surface: those in which the rule must count, and near misses."""

    path: str
    found: tuple[str, ...]
    missed: tuple[str, ...]


VECTORS: Final[Mapping[str, Vector]] = {
    "jit.assigned": Vector(
        "settings.yaml",
        (
            f'db_password: "{PASSWORD}"',
            f"client_secret: {TOKEN}",
            f"'apiKey': '{TOKEN}'",
            f'{{\\"auth_token\\": \\"{TOKEN}\\"}}',
        ),
        (
            "db_password: ${DB_PASSWORD}",
            f"token_url: {TOKEN}",
            "password: changeme-please",
            "max_tokens: 4096000000",
            "api_key: <your api key here>",
            "secret: /run/secrets/orders-database",
            "password_hash: $2b$12$" + pretend.drawn("bcrypt", 53),
        ),
    ),
    "jit.environment-line": Vector(
        ".env",
        (f"export DB_PASSWORD={PASSWORD},({TOKEN}", f"ENV API_TOKEN=a;{{{TOKEN}}}"),
        ("DB_PASSWORD=$(cat /run/password)", "API_TOKEN=", "TOKEN_FILE=/run/secrets/token"),
    ),
    "jit.connection-uri": Vector(
        "main.py",
        (pretend.database_url("vector"), f"amqps://me:{PASSWORD}@rabbit.internal/"),
        (
            "postgres://app:${PASSWORD}@db.internal/orders",
            "postgres://postgres:postgres@localhost/test",
            "postgres://app@db.internal:5432/orders",
            "https://docs.internal:8080/a@b",
        ),
    ),
    "jit.repository-uri": Vector(
        ".git/config",
        (f"url = https://{TOKEN}@code.internal/team/x.git",),
        ("url = https://somebody-with-long-name@code.internal/x", "url = https://code.internal/x"),
    ),
    "jit.vault-token": Vector(
        "notes.md",
        (f"log in with {pretend.vault_token('v')[:40]}",),
        ("the hvs. prefix names a service token", "hvs.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    ),
    "jit.header": Vector(
        "deploy.sh",
        (f'-H "Authorization: Bearer {TOKEN}"', f"X-Api-Key: {TOKEN}"),
        (
            'headers = {"Authorization": f"Bearer {token}"}',
            "Authorization: Bearer <token>",
            "Authorization: Bearer $TOKEN",
        ),
    ),
    "jit.flag": Vector(
        ".mcp.json",
        (f'"args": ["--licence", "x", "--access-token-of", "{PASSWORD}"]',),
        ('"args": ["--token", "--verbose"]', '"args": ["--password-file", "/run/secrets/x"]'),
    ),
    "jit.mysql-flag": Vector(
        ".bash_history",
        (f"mysql -u root -p{PASSWORD} shop", f"mysqldump -p'{PASSWORD}' shop"),
        ("mysql -u root -p shop", 'mysql -p"$PASS" shop', "mkdir -pv mysql"),
    ),
    "jit.client-flag": Vector(
        ".bash_history",
        (f"sshpass -p {PASSWORD} ssh host", f"redis-cli -h x -a {PASSWORD} ping"),
        ("docker login -p $TOKEN x", "redis-cli -p 6379 ping", "docker login --password-stdin x"),
    ),
    "jit.http-client-flag": Vector(
        ".bash_history",
        (f"curl -u admin:{PASSWORD} https://nexus.internal/x", f"http -a me:{PASSWORD} x"),
        ("curl -u admin https://x", 'curl -u "admin:$PASSWORD" x', "curl -u admin:<password> x"),
    ),
    "jit.netrc": Vector(
        ".netrc",
        (f"machine api.internal login me password {PASSWORD}",),
        ("machine api.internal login me", "machine x login y password ${PASS}"),
    ),
    "jit.registry-login": Vector(
        ".docker/config.json",
        (f'"auths": {{"r.internal": {{"auth": "{BASE64}"}}}}',),
        ('"auth": "none"', '"credsStore": "desktop"'),
    ),
    "jit.kubeconfig-key": Vector(
        ".kube/config",
        (f"client-key-data: {BASE64}",),
        ("client-key: /etc/kubernetes/pki/admin.pem", f"client-certificate-data: {BASE64}"),
    ),
    "jit.pgpass": Vector(
        ".pgpass",
        (f"db.internal:5432:orders:app:{PASSWORD}",),
        ("db.internal:5432:orders:app:", "# hostname:port:database:username:password"),
    ),
    "jit.private-key": Vector(
        "id_rsa",
        (PEM, '{"key": "' + PEM.replace("\n", "\\n") + '"}'),
        (
            PEM.replace("PRIVATE", "PUBLIC"),
            "-----BEGIN RSA PRIVATE " + "KEY-----\n...\n-----END RSA PRIVATE " + "KEY-----",
        ),
    ),
}
