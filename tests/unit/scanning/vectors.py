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
            'reset_password: "Passwort zurücksetzen"',
            "token: ${TOKEN:?is missing}",
            'reset_password: "Passwort zurücksetzen"',
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
        (
            pretend.database_url("vector"),
            f"amqps://me:{PASSWORD}@rabbit.internal/",
            f"mysql://me:{PASSWORD}@{TOKEN}@db.internal/x",
        ),
        (
            "postgres://app:${PASSWORD}@db.internal/orders",
            "postgres://postgres:postgres@localhost/test",
            "postgres://app@db.internal:5432/orders",
            "https://docs.internal:8080/a@b",
        ),
    ),
    "jit.repository-uri": Vector(
        ".git/config",
        (
            f"url = https://{TOKEN}@code.internal/team/x.git",
            f"url = https://{TOKEN}:x-oauth-basic@code.internal/team/x.git",
        ),
        ("url = https://somebody-with-long-name@code.internal/x", "url = https://code.internal/x"),
    ),
    "jit.vault-token": Vector(
        "notes.md",
        (f"log in with {pretend.vault_token('v')[:40]}",),
        ("the hvs. prefix names a service token", "hvs.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    ),
    "jit.header": Vector(
        "deploy.txt",
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
        (
            f"machine api.internal login me password {PASSWORD}",
            f"default login me password {PASSWORD}",
        ),
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
    "jit.odd-uri": Vector(
        "main.py",
        (f"postgres://app:p@{PASSWORD}/x7{TOKEN}@db.internal:5432/orders",),
        ("postgres://db.internal:5432/orders?owner=me@acme.example", "redis://cache:6379/0 a@b"),
    ),
    "jit.command-set": Vector(
        ".bash_history",
        (
            f"set -gx DB_PASSWORD {PASSWORD}",
            f"aws configure set aws_secret_access_key {TOKEN}",
            f"setenv API_TOKEN '{TOKEN}'",
        ),
        ("set -x GITHUB_TOKEN (gh auth token)", "aws configure set token_file /run/token"),
    ),
    "jit.named-value": Vector(
        "deployment.yaml",
        (
            f"- name: DB_PASSWORD\n  value: {PASSWORD}",
            f'{{"name": "API_TOKEN", "value": "{TOKEN}"}}',
            f'<add key="ApiToken" value="{TOKEN}" />',
        ),
        (
            "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef: {name: db, key: password1}",
            '{"name": "API_TOKEN", "value": "${API_TOKEN}"}',
        ),
    ),
    "jit.element": Vector(
        "settings.xml",
        (f"<password>{PASSWORD}</password>",),
        ("<password>${env.PASSWORD}</password>", "<secretRef>vault-1</secretRef>"),
    ),
    "jit.argument": Vector(
        "main.py",
        (f'os.getenv("API_TOKEN", "{TOKEN}")', f"define('DB_PASSWORD', '{TOKEN}');"),
        ('os.getenv("API_TOKEN", "none")', 'os.environ.get("TOKEN_URL", "https://x.internal/t")'),
    ),
    "jit.block": Vector(
        "settings.yaml",
        (f"password: >-\n  {TOKEN}",),
        ("password: |\n  ${PASSWORD}", "token: >\n  some words about it\n"),
    ),
    "jit.concatenated": Vector(
        "main.py",
        (f'TOKEN = "{TOKEN[:9]}" + "{TOKEN[9:]}"', f"token = ('{TOKEN[:9]}'\n '{TOKEN[9:]}')"),
        ('TOKEN = "token" + "-" + "name"',),
    ),
    "jit.sql-password": Vector(
        ".psql_history",
        (f"ALTER ROLE app PASSWORD '{PASSWORD}';", f"identified\\040by\\040'{PASSWORD}'"),
        ("ALTER ROLE app PASSWORD NULL;", "CREATE ROLE app PASSWORD 'changeme';"),
    ),
    "jit.some-key": Vector(
        ".mcp.json",
        (f'"env": {{"PERPLEXITY_KEY": "{TOKEN}"}}',),
        (f'"PUBLIC_KEY": "{TOKEN}"', f'"cacheKey": "{TOKEN}"', '"SOME_KEY": "a-name-of-a-thing"'),
    ),
    "jit.tool-flag": Vector(
        ".bash_history",
        (
            f"openssl enc -k {PASSWORD} -in a",
            f"ldapsearch -x -w {PASSWORD}",
            f"smbclient -U me%{PASSWORD} //x/y",
        ),
        ("openssl enc -kfile f", "ldapsearch -x -W", "smbclient -U me //x/y"),
    ),
    "jit.piped": Vector(
        ".bash_history",
        (f"echo {PASSWORD} | docker login -u me --password-stdin",),
        ('echo "$TOKEN" | docker login -u me --password-stdin', "echo done | gh pr list"),
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
