"""A made-up estate with planted secrets, and with what only looks like them. Always the same.

Each case says in which file it stands, and whether it is a secret. The cases are written by what
people do, not by what the rules find: some are out of a scanner's reach, and count as missed.
"""

import base64
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fakes import pretend_secrets as pretend

OF_EACH: Final = 8
"""How many values are drawn for each form."""


_CASES: Final = Path(__file__).with_name("scan_cases.template")
_DRAWN: Final = re.compile("«([^»]*)»")
_ALPHABETS: Final[Mapping[str, str]] = {
    "letters": pretend.LETTERS,
    "hex": pretend.HEXADECIMAL,
    "base64": pretend.LETTERS + "+/",
}
_KINDS: Final[Mapping[str, Callable[[str], str]]] = {
    "password": pretend.password,
    "github_token": pretend.github_token,
    "npm_token": pretend.npm_token,
    "aws_secret": pretend.aws_secret,
    "short": lambda seed: pretend.password(seed)[:9],
    "private_key": pretend.private_key,
    "one_line_key": lambda seed: pretend.private_key(seed).replace("\n", "\\n"),
    "database_url": pretend.database_url,
    "uuid": lambda seed: _uuid(pretend.drawn(seed, 32, pretend.HEXADECIMAL)),
    "aws_example_id": lambda _: "AK" + "IAIOSFODNN7" + "EXAMPLE",
    "aws_example_secret": lambda _: "wJalrXUtnFEMI/K7MDENG/bPxRfi" + "CYEXAMPLEKEY",
    "stripe_example": lambda _: "sk_test_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "jwt_example": lambda _: ".".join(_JWT_IO),
}
_JWT_IO: Final = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
    "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ",
    "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
)


@dataclass(frozen=True, slots=True)
class Case:
    """A text in a file of its own."""

    group: str
    path: str
    text: str
    is_secret: bool


def cases() -> Iterator[Case]:
    """Yield the whole corpus."""
    for number in range(OF_EACH):
        for group, path, text in _planted(f"corpus-{number}"):
            yield Case(group, f"{number}/{group}/{path}", text, is_secret=True)
        for group, path, text in _harmless(f"corpus-{number}"):
            yield Case(group, f"{number}/{group}/{path}", text, is_secret=False)


def _written(sort: str, seed: str) -> Iterator[tuple[str, str, str]]:
    """Yield the cases of one sort that stand in the file."""
    for each in tomllib.loads(_CASES.read_text("utf-8"))[sort]:
        text = _DRAWN.sub(lambda found: _drawn(found[1], seed), each["text"])
        yield each["group"], f"more/{each['path']}", text


def _drawn(what: str, seed: str) -> str:
    """Return what stands for a name: `letters:32`, `in_base64 NAME`, a kind."""
    if what.startswith("in_base64 "):
        inner = what.removeprefix("in_base64 ")
        plain = "me:" + _drawn(inner[3:], seed) if inner.startswith("me:") else _drawn(inner, seed)
        return base64.b64encode(plain.encode()).decode()
    name, _, size = what.partition(":")
    if name == "code":
        return "a=1;" * (int(size) // 4)
    if name not in _ALPHABETS:
        return _KINDS[name](seed)
    return pretend.drawn(seed, int(size), _ALPHABETS[name])


def _uuid(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _planted(seed: str) -> Iterator[tuple[str, str, str]]:
    yield from _written("planted", seed)
    yield from _of_agents(seed)
    yield from _of_pipelines(seed)
    yield from _of_hands(seed)
    yield from _of_code(seed)


def _of_agents(seed: str) -> Iterator[tuple[str, str, str]]:
    github, word = pretend.github_token(seed), pretend.password(seed)
    url = pretend.database_url(seed)
    yield (
        "agent",
        ".mcp.json",
        f'{{"mcpServers": {{"gh": {{"env": {{"GITHUB_TOKEN": "{github}"}}}}}}}}',
    )
    yield (
        "agent",
        ".cursor/mcp.json",
        f'{{"mcpServers": {{"db": {{"args": ["-y", "pg", "{url}"]}}}}}}',
    )
    yield "agent", "claude_desktop_config.json", f'{{"env": {{"API_KEY": "{word}"}}}}'
    yield "agent", ".vscode/mcp.json", f'{{"headers": {{"Authorization": "Bearer {word}{word}"}}}}'
    yield "agent", "mcp_config.json", f'{{"args": ["--api-key", "{pretend.drawn(seed, 32)}"]}}'
    yield "agent", ".codex/config.toml", f'OPENAI_API_KEY = "{pretend.openai_key(seed)}"'
    yield (
        "agent",
        ".claude.json",
        f'{{"env": {{"ANTHROPIC_API_KEY": "{pretend.anthropic_key(seed)}"}}}}',
    )


def _of_pipelines(seed: str) -> Iterator[tuple[str, str, str]]:
    word, token = pretend.password(seed), pretend.drawn(seed, 40)
    yield "dotenv", ".env", f"DB_PASSWORD={word}\n"
    yield "dotenv", ".env.production", f"DATABASE_URL={pretend.database_url(seed, 'mysql')}\n"
    yield "dotenv", "app/.env.local", f'export STRIPE_KEY="{pretend.stripe_key(seed)}"\n'
    yield "dotenv", "b/.env", f"SESSION_SECRET={pretend.drawn(seed, 64, pretend.HEXADECIMAL)}\n"
    yield "dotenv", "c/.env", "ADMIN_PASSWORD=correcthorsebatterystaple\n"
    keys = f"aws_access_key_id = {pretend.aws_key_id(seed)}\n"
    yield (
        "credentials",
        ".aws/credentials",
        f"{keys}aws_secret_access_key = {pretend.aws_secret(seed)}\n",
    )
    yield "credentials", ".npmrc", f"//npm.internal/:_authToken={pretend.npm_token(seed)}\n"
    yield "credentials", ".netrc", f"machine git.internal login ci password {word}\n"
    yield "credentials", ".pgpass", f"db.internal:5432:orders:app:{word}\n"
    yield (
        "credentials",
        ".git/config",
        f"url = https://ci:{pretend.gitlab_token(seed)}@gitlab.com/x.git\n",
    )
    yield "credentials", "id_ed25519", pretend.private_key(seed)
    yield "ci", ".github/workflows/ci.yml", f"env:\n  SLACK_TOKEN: {pretend.slack_token(seed)}\n"
    yield "ci", ".gitlab-ci.yml", f"variables:\n  DEPLOY_PASSWORD: '{word}'\n"
    yield "ci", ".circleci/config.yml", f"- run: curl -H 'Authorization: Bearer {token}' x\n"
    yield "ci", "Jenkinsfile", f"environment {{ API_TOKEN = '{token}' }}\n"
    yield "container", "Dockerfile", f"FROM x\nENV API_SECRET={token}\n"
    yield "container", "docker-compose.yml", f"environment:\n  - POSTGRES_PASSWORD={word}\n"
    yield "container", "compose.yaml", f"environment:\n  MYSQL_ROOT_PASSWORD: {word}\n"


def _of_hands(seed: str) -> Iterator[tuple[str, str, str]]:
    word = pretend.password(seed)
    yield "history", ".bash_history", f"mysql -u root -p{word} shop\n"
    yield (
        "history",
        ".zsh_history",
        f": 1700000000:0;export VAULT_TOKEN={pretend.vault_token(seed)}\n",
    )
    yield "history", "x/.bash_history", f"PGPASSWORD={word} psql -h db.internal orders\n"
    yield "history", "y/.bash_history", f"curl -u admin:{word} https://nexus.internal/x\n"


def _of_code(seed: str) -> Iterator[tuple[str, str, str]]:
    word, token = pretend.password(seed), pretend.drawn(seed, 32)
    yield "config", "settings.yaml", f"db:\n  password: {word}\n"
    yield "config", "application.properties", f"spring.datasource.password={word}\n"
    yield "config", "prod.tf", f'  master_password = "{word}"\n'
    yield "config", "appsettings.json", f'{{"ClientSecret": "{token}"}}\n'
    yield "config", "kube.yaml", "stringData:\n  password: summer\n"
    yield "source", "client.py", f'API_TOKEN = "{token}"\n'
    yield "source", "client.js", f"const gh = '{pretend.github_token(seed)}';\n"
    yield "source", "App.java", f'String dsn = "{pretend.database_url(seed)}";\n'
    yield "source", "db.go", f'password := "{word[:9]}"\n'
    yield "source", "split.py", f'TOKEN = "{token[:9]}" + "{token[9:18]}" + "{token[18:]}"\n'
    yield "source", "bundle.min.js", f'!function(){{var a="{pretend.github_token(seed)}"}}();' * 3


def _harmless(seed: str) -> Iterator[tuple[str, str, str]]:
    yield from _written("harmless", seed)
    yield from _placeholders()
    yield from _digests(seed)
    yield from _talk(seed)


def _placeholders() -> Iterator[tuple[str, str, str]]:
    yield "placeholder", ".env.example", "DB_PASSWORD=changeme\nAPI_KEY=your-api-key-here\n"
    yield "placeholder", ".env", "DB_PASSWORD=${DB_PASSWORD}\nTOKEN=$(pass show token)\nSECRET=\n"
    yield (
        "placeholder",
        ".mcp.json",
        '{"env": {"GITHUB_TOKEN": "${GITHUB_TOKEN}", "KEY": "<your key>"}}',
    )
    yield (
        "placeholder",
        ".vscode/mcp.json",
        '{"headers": {"Authorization": "Bearer ${input:token}"}}',
    )
    yield "placeholder", ".github/workflows/ci.yml", "env:\n  TOKEN: ${{ secrets.TOKEN }}\n"
    yield "placeholder", "docker-compose.yml", "- POSTGRES_PASSWORD_FILE=/run/secrets/pg\n"
    yield "placeholder", "main.tf", "  password = var.db_password\n  token = data.vault.x.token\n"
    yield "placeholder", "values.yaml", "password: \"{{ .Values.password }}\"\ntoken: ''\n"
    yield "placeholder", "local.yml", "url: postgres://postgres:postgres@localhost:5432/test\n"
    yield "placeholder", "aws.md", f"aws_access_key_id = {'AK' + 'IAIOSFODNN7'}EXAMPLE\n"


def _digests(seed: str) -> Iterator[tuple[str, str, str]]:
    digest = pretend.drawn(seed, 64, pretend.HEXADECIMAL)
    base64 = pretend.drawn(seed, 86, pretend.LETTERS + "+/") + "=="
    short = pretend.drawn(seed, 40, pretend.HEXADECIMAL)
    yield "digest", "package-lock.json", f'"integrity": "sha512-{base64}", "token": "{base64}"\n'
    yield "digest", "requirements.lock", f"x==1.0 --hash=sha256:{digest}\n"
    yield "digest", "go.sum", f"example.com/x v1.0.0 h1:{base64[:43]}=\n"
    yield "digest", "commit.py", f'TOKEN_COMMIT = "{short}"\ntoken_sha = "{digest}"\n'
    yield "digest", "ids.json", '{"token_id": "3f0c8a52-9d1b-4c57-8f7e-2b6a1d9c4e10", "key": 1}\n'
    yield "digest", "users.yaml", f"password_hash: $2b$12${pretend.drawn(seed, 53)}\n"
    yield "digest", "id_ed25519.pub", f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5{base64[:48]} me@x\n"
    body = "\n".join(pretend.drawn(f"{seed}{n}", 64) for n in range(8))
    yield "digest", "ca.pem", f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
    yield (
        "digest",
        "jwks.json",
        f'{{"keys": [{{"kty": "EC", "x": "{base64[:43]}", "kid": "{short}"}}]}}\n',
    )
    code = "".join(f"var {c}={n};" for n, c in enumerate(pretend.drawn(seed, 900)))
    yield "digest", "app.min.js", f'{code}token="{pretend.drawn(seed, 40)}"\n'


def _talk(seed: str) -> Iterator[tuple[str, str, str]]:
    yield (
        "talk",
        "README.md",
        "Set `API_TOKEN` to the token of your account. Passwords are hashed.\n",
    )
    yield "talk", "form.py", 'password = form["password"]\ntoken = request.headers.get("X-Token")\n'
    yield (
        "talk",
        "names.py",
        'PASSWORD_FIELD = "user_password_1"\nTOKEN_URL = "https://x.internal/token"\n',
    )
    yield (
        "talk",
        "auth.ts",
        'const token = await getToken("orders");\nif (!secret) throw Error();\n',
    )
    yield (
        "talk",
        "limits.yaml",
        "max_tokens: 4096\ntoken_ttl_seconds: 900\npassword_min_length: 12\n",
    )
    yield (
        "talk",
        "messages.json",
        '{"passwordLabel": "Choose a password", "tokenHint": "Paste it here"}',
    )
    yield (
        "talk",
        ".bash_history",
        "vault login\nexport TOKEN=$(broker credential issue)\nmysql -u root -p shop\n",
    )
    yield "talk", "test_auth.py", 'assert login("ann", password="wrong") is None\ntoken = "token"\n'
    yield (
        "talk",
        "notes.md",
        f"The build {pretend.drawn(seed, 12)} broke; see https://ci.internal/run/81\n",
    )
