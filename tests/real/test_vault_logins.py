"""Who the broker is at a real OpenBao: how it logs in, stays logged in, and is locked out."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from backends.contract import Death, Sighting
from backends.errors import BackendError, Trouble
from backends.vault import Vault
from backends.vault_channel import Channel
from backends.vault_options import AppRoleLogin, JwtLogin, VaultOptions
from tests.real.openbao_server import OpenBaoServer, trust_role
from tests.real.vault_lab import AUDIENCE, Signing, a_wish, minted, opened, options, soon

pytestmark = pytest.mark.real


def test_one_login_serves_all_threads(vault: Vault, signing: Signing) -> None:
    """They begin together; one logs in, and nobody's token is changed under another's hands."""
    done: list[Any] = []
    threads = [threading.Thread(target=lambda: done.append(minted(vault))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert signing.signed == 1
    assert len({words["username"] for words, _ in done}) == 6
    for _, place in done:
        assert vault.revoke(place, soon()) is Death.GONE


def test_no_token_stays_in_what_hvac_shares(declared: VaultOptions, signing: Signing) -> None:
    """Hvac's login would put it into the adapter, and the next thread would speak with it."""
    with opened(declared, signing.surroundings) as vault, Channel(declared, soon()) as channel:
        vault._login.current(channel)  # noqa: SLF001 - what is inside is the point

        assert channel._adapter.token == ""  # noqa: SLF001
        assert "X-Vault-Token" not in channel._session.headers  # noqa: SLF001


def test_a_token_that_vault_forgot_is_replaced(
    vault: Vault, signing: Signing, openbao: OpenBaoServer, declared: VaultOptions
) -> None:
    """What was denied is sent once more; the token's death takes no credential along."""
    words, place = minted(vault)
    with Channel(declared, soon()) as channel:
        mine = vault._login.current(channel).token  # noqa: SLF001
    openbao.says("POST", "auth/token/revoke", {"token": mine})

    assert vault.look_up(place, soon()) is Sighting.ALIVE
    assert signing.signed == 2
    assert words["username"]
    assert vault.revoke(place, soon()) is Death.GONE


def test_a_policy_that_lacks_something_is_no_reason_to_log_in(
    vault: Vault, signing: Signing
) -> None:
    """Else every refusal would leave one more token at Vault."""
    for _ in range(3):
        with pytest.raises(BackendError) as caught, Channel(vault._options, soon()) as channel:  # noqa: SLF001
            vault._login.ask(channel, "get", "sys/policies/acl/root")  # noqa: SLF001
        assert caught.value.trouble is Trouble.REFUSED

    assert signing.signed == 1


def test_the_token_is_renewed_while_nobody_asks(
    declared: VaultOptions, signing: Signing, openbao: OpenBaoServer
) -> None:
    """So a broker that can sign no more goes on killing."""
    assert isinstance(declared.login, JwtLogin)
    trust_role(openbao, mount=declared.login.mount, audience=AUDIENCE, ttl="2s")
    with opened(declared, signing.surroundings) as vault:
        _, place = minted(vault)
        time.sleep(3.5)

        assert vault.revoke(place, soon()) is Death.GONE
        assert signing.signed == 1


def test_a_broker_that_cannot_sign_kills_with_the_token_that_it_has(
    declared: VaultOptions, signing: Signing
) -> None:
    """And one that has none says that it is locked out."""
    with opened(declared, signing.surroundings) as vault:
        _, place = minted(vault)
        signing.keyring = type(signing.keyring)([], [])

        assert vault.revoke(place, soon()) is Death.GONE
    with opened(declared, signing.surroundings) as fresh, pytest.raises(BackendError):
        fresh.revoke(place, soon())


@pytest.mark.parametrize("wrong", [{"role": "nobody"}, {"audience": "elsewhere"}])
def test_a_login_that_is_refused_is_its_own_trouble(
    declared: VaultOptions, signing: Signing, openbao: OpenBaoServer, wrong: dict[str, str]
) -> None:
    """Nothing was asked of Vault, so nothing was made."""
    assert isinstance(declared.login, JwtLogin)
    said = {"role": "jit-broker", "mount": declared.login.mount, "audience": AUDIENCE, **wrong}
    other = options(openbao, declared.login.mount, login=JwtLogin(**said))
    with opened(other, signing.surroundings) as vault, pytest.raises(BackendError) as caught:
        vault.locate(a_wish(), soon())

    assert caught.value.trouble is Trouble.LOCKED_OUT


def test_its_own_workload_token_or_a_secret_id_let_it_in_too(
    declared: VaultOptions, signing: Signing, openbao: OpenBaoServer, tmp_path: Path
) -> None:
    """From files, read anew for each login."""
    assert isinstance(declared.login, JwtLogin)
    token, secret = tmp_path / "token", tmp_path / "secret"
    token.write_text(signing.surroundings.token(AUDIENCE, "jit-broker", 60) + "\n")
    openbao.says("POST", "sys/auth/approle", {"type": "approle"})
    openbao.says("POST", "auth/approle/role/jit", {"token_policies": ["jit-broker"]})
    role = openbao.says("GET", "auth/approle/role/jit/role-id")["data"]["role_id"]
    made = openbao.says("POST", "auth/approle/role/jit/secret-id")
    secret.write_text(made["data"]["secret_id"])
    mount = declared.login.mount
    for way in (
        JwtLogin(role="jit-broker", mount=mount, token_file=token),
        AppRoleLogin(role_id=role, secret_id_file=secret),
    ):
        with opened(options(openbao, mount, login=way), signing.surroundings) as vault:
            _, place = minted(vault)
            assert vault.revoke(place, soon()) is Death.GONE
    assert signing.signed == 1  # the one in the file
