import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientSession

from broker import base64url
from broker.attestation.assembly import build_attestation
from broker.attestation.key_source import open_key_session
from broker.attestation.settings import AttestationSettings
from broker.clock import SystemClock
from broker.dev.issuer import DevIssuer, open_issuer
from broker.errors import ConfigurationError
from broker.model.principal import Kind
from tests.fakes.attestation import Watcher
from tests.fakes.clock import FakeClock


@pytest.fixture
async def issuer(tmp_path: Path) -> AsyncIterator[DevIssuer]:
    """Run an issuer in this process."""
    async with open_issuer(tmp_path / "dev", clock=SystemClock()) as opened:
        yield opened


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """Open a plain HTTP session."""
    async with ClientSession() as opened:
        yield opened


def bearer(issuer: DevIssuer) -> dict[str, str]:
    """Show the issuer's secret."""
    return {"Authorization": f"Bearer {issuer.secret.reveal()}"}


def settings_for(url: str) -> AttestationSettings:
    """Declare the issuer as a demonstration does."""
    document = {
        "issuers": [
            {
                "name": "dev",
                "issuer": url,
                "audience": "jit-broker",
                "algorithms": ["ES256"],
                "keys": {"url": f"{url}/jwks"},
                "claims": {
                    "required": ["sub", "kind", "instance"],
                    "optional": ["tenant"],
                    "ignored": ["jti"],
                },
                "map": {
                    "kind": {"claim": "kind", "values": {kind: kind for kind in Kind}},
                    "name": {"claim": "sub"},
                    "tenant": {"claim": "tenant"},
                    "instance": {"claim": "instance"},
                },
            }
        ]
    }
    settings = msgspec.convert(document, AttestationSettings)
    assert not list(settings.faults())
    return settings


@pytest.mark.parametrize("kind", list(Kind))
async def test_its_tokens_are_evidence(
    issuer: DevIssuer, session: ClientSession, kind: Kind
) -> None:
    """From the form to the attested bearer, over real HTTP on both sides."""
    form = {"sub": "bot", "kind": str(kind), "tenant": "acme", "instance": "pod-7"}
    async with session.post(f"{issuer.url}/token", data=form, headers=bearer(issuer)) as response:
        answer = await response.json()
    async with open_key_session() as keys:
        watcher = Watcher()
        attestation = build_attestation(
            settings_for(issuer.url), keys, clock=SystemClock(), observer=watcher
        )
        attested = await attestation.attest(answer["access_token"])

    assert (attested.kind, attested.name) == (kind, "bot")
    assert (attested.tenant, attested.instance) == ("acme", "pod-7")
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 300)
    assert response.headers["Cache-Control"] == "no-store"
    assert watcher.unknown == []


async def test_json_and_extra_claims_are_taken(issuer: DevIssuer, session: ClientSession) -> None:
    """Other members become claims, whatever they hold."""
    wishes = {"sub": "bot", "aud": "x", "ttl_seconds": 60, "groups": ["a"]}
    async with session.post(f"{issuer.url}/token", json=wishes, headers=bearer(issuer)) as response:
        assert (await response.json())["expires_in"] == 60


def test_minted_claims_are_those_of_a_workload_token(tmp_path: Path) -> None:
    """The dates follow the clock; nothing is invented about the tenant."""
    clock = FakeClock()

    async def mint() -> dict[str, object]:
        async with open_issuer(tmp_path / "dev", clock=clock) as opened:
            token, _ = opened.mint({"sub": "bot", "ttl_seconds": "60", "run": "7"})
            claims = token.reveal().split(".")[1]
            return json.loads(base64url.decode(claims))

    claims = asyncio.run(mint())
    now = clock.now_ms() // 1000
    assert len(str(claims.pop("jti"))) >= 20
    assert str(claims.pop("iss")).startswith("http://127.0.0.1:")
    assert claims == {
        "sub": "bot",
        "aud": "jit-broker",
        "kind": "agent",
        "instance": "dev-1",
        "run": "7",
        "iat": now,
        "nbf": now,
        "exp": now + 60,
    }


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic x", "Bearer \xff", "bearer\x00"],
)
async def test_without_its_secret_it_signs_nothing(
    issuer: DevIssuer, session: ClientSession, authorization: str | None
) -> None:
    """Another process of this machine gets no token."""
    headers = {} if authorization is None else {"Authorization": authorization}
    try:
        async with session.post(
            f"{issuer.url}/token", data={"sub": "x"}, headers=headers
        ) as response:
            assert response.status in {400, 401}
            assert "access_token" not in await response.text()
    except ValueError:
        assert authorization is not None  # the client refuses to send it


@pytest.mark.parametrize(
    ("wishes", "field"),
    [
        ({}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": 1}, "sub"),
        ({"sub": "x", "ttl_seconds": 0}, "ttl_seconds"),
        ({"sub": "x", "ttl_seconds": 86_401}, "ttl_seconds"),
        ({"sub": "x", "ttl_seconds": True}, "ttl_seconds"),
        ({"sub": "x", "ttl_seconds": "abc"}, "ttl_seconds"),
        ({"sub": "x", "iss": "https://evil.example"}, "iss"),
        ({"sub": "x", "exp": 1}, "exp"),
    ],
)
async def test_bad_wishes_are_refused_by_field(
    issuer: DevIssuer, session: ClientSession, wishes: dict[str, object], field: str
) -> None:
    """The answer names the member and the fix."""
    async with session.post(f"{issuer.url}/token", json=wishes, headers=bearer(issuer)) as response:
        assert response.status == 400
        assert (await response.json())["error_description"].startswith(field)


async def test_it_describes_itself(issuer: DevIssuer, session: ClientSession) -> None:
    """Discovery leads to the keys; no private member is in them."""
    async with session.get(f"{issuer.url}/.well-known/openid-configuration") as response:
        metadata = await response.json()
    async with session.get(metadata["jwks_uri"]) as response:
        (key,) = (await response.json())["keys"]
    assert metadata["issuer"] == issuer.url
    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}


async def test_its_state_is_closed_and_its_key_is_kept(tmp_path: Path) -> None:
    """Files have mode 0600; the key survives a restart, the announcement and the secret do not."""
    state = tmp_path / "dev"
    async with open_issuer(state, clock=SystemClock()) as first:
        announced = json.loads((state / "issuer.json").read_text())
        assert announced == {"issuer": first.url, "pid": os.getpid()}
        assert (state / "secret").read_text() == first.secret.reveal()
        assert {path.stat().st_mode & 0o777 for path in state.iterdir()} == {0o600}
    assert not (state / "issuer.json").exists()
    async with open_issuer(state, clock=SystemClock()) as second:
        assert second.jwks() == first.jwks()
        assert second.secret.reveal() != first.secret.reveal()


async def test_an_open_state_directory_is_refused(open_directory: Path) -> None:
    """Others could read the secret, or put in a key of theirs."""
    with pytest.raises(ConfigurationError, match="chmod 700"):
        async with open_issuer(open_directory, clock=SystemClock()):
            pass


async def announcement_of(state: Path) -> dict[str, object]:
    """Wait until a process has announced itself (the test's own timeout bounds it)."""
    while True:
        with contextlib.suppress(FileNotFoundError):
            return json.loads((state / "issuer.json").read_text())
        await asyncio.sleep(0.02)


def is_running(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(") ")[2][0] != "Z"


@pytest.fixture
def open_directory(tmp_path: Path) -> Path:
    """Make a directory that others can read."""
    tmp_path.chmod(0o755)
    return tmp_path


async def test_sigterm_ends_it_and_takes_its_announcement_away(tmp_path: Path) -> None:
    """It leaves no file that points nowhere."""
    state = tmp_path / "dev"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "broker.dev.issuer", "--state", str(state)
    )
    announced = await announcement_of(state)
    assert announced["pid"] == process.pid
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert not (state / "issuer.json").exists()


ORPHAN = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-m", "broker.dev.issuer", "--state", sys.argv[1]])
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """Even when that one is killed and cannot say goodbye."""
    state = tmp_path / "dev"
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", ORPHAN, str(state))
    pid = (await announcement_of(state))["pid"]
    assert isinstance(pid, int)
    parent.kill()
    await parent.wait()
    while is_running(pid):  # noqa: ASYNC110 - another process has no event to wait for
        await asyncio.sleep(0.02)


async def test_it_does_not_start_under_another_parent_than_named(tmp_path: Path) -> None:
    """A parent that died during the start is noticed although no signal came."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "broker.dev.issuer", "--state", str(tmp_path / "dev"), "--parent", "1"
    )
    assert await process.wait() == 0
    assert not (tmp_path / "dev" / "issuer.json").exists()


async def test_a_start_that_fails_says_why(open_directory: Path) -> None:
    """One line, no traceback."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *["-m", "broker.dev.issuer", "--state", str(open_directory)],
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode().startswith("broker.dev.issuer: ")
    assert "chmod 700" in errors.decode()
    assert len(errors.splitlines()) == 1
