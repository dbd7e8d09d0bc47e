"""What the contract's kit does not ask: roles, engines, and a database that is down."""

import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_public_identity
from cryptography.hazmat.primitives.serialization.ssh import SSHCertificate
from msgspec import structs

from backends.contract import Death, Place, Sighting
from backends.errors import BackendError, NotMintedError, OtherTargetError, Trouble
from backends.vault import Vault
from backends.vault_options import JwtLogin, Manner, Mount, VaultOptions
from backends.vault_template import Secret, VaultTemplate
from tests.real.openbao_server import OpenBaoServer, furnish
from tests.real.postgres_server import PostgresServer
from tests.real.vault_lab import (
    ORDERS,
    Signing,
    a_wish,
    accessor_of,
    from_ssh,
    in_seconds,
    is_let_in,
    login,
    minted,
    one,
    opened,
    options,
    soon,
    without_trail,
)

pytestmark = pytest.mark.real


def until_gone(vault: Vault, place: Place) -> None:
    """Revoke as often as the broker does."""
    ends = time.monotonic() + 60
    while vault.revoke(place, soon()) is Death.ACCEPTED:
        assert time.monotonic() < ends
        time.sleep(0.2)


# What it makes, and what a crash leaves.


def test_what_a_crash_leaves_dies_within_a_minute(
    vault: Vault, openbao: OpenBaoServer, declared: VaultOptions, signing: Signing
) -> None:
    """A token that nobody has; it has read nothing, and nobody can go on with it."""
    wish = a_wish()
    place = vault.locate(wish, soon())
    seen = openbao.says("POST", "auth/token/lookup-accessor", {"accessor": accessor_of(place)})

    with opened(declared, signing.surroundings) as other, pytest.raises(NotMintedError):
        other.mint(wish, place, in_seconds(300), soon())

    data = seen["data"]
    assert 0 < data["ttl"] <= 60
    assert data["orphan"] is True
    assert data["type"] == "service"
    assert data["policies"] == ["jit-orders"]
    assert 0 < data["explicit_max_ttl"] <= declared.max_ttl_seconds
    assert data["meta"]["jit_lease"] == wish.lease
    assert data["meta"]["jit_epoch"] == "epoch-of-tests"
    assert openbao.leases() == []
    assert vault.revoke(place, soon()) is Death.GONE


@pytest.mark.parametrize(
    ("role", "why"),
    [
        ({"orphan": False}, "orphan"),
        ({"token_type": "batch", "renewable": False}, "create"),
        ({"token_period": "2h"}, "period"),
        ({"allowed_policies": ["jit-kv"]}, "create"),
    ],
)
def test_a_role_that_makes_other_tokens_is_refused(
    vault: Vault, openbao: OpenBaoServer, role: dict[str, Any], why: str
) -> None:
    """Before anything is read with one; and none of them is left."""
    good = openbao.says("GET", "auth/token/roles/jit")["data"]
    openbao.says("POST", "auth/token/roles/jit", {**good, **role})
    try:
        with pytest.raises(BackendError) as caught:
            vault.locate(a_wish(), soon())
    finally:
        openbao.says("DELETE", "auth/token/roles/jit")
        openbao.says("POST", "auth/token/roles/jit", good)

    assert caught.value.trouble is Trouble.REFUSED
    assert why in str(caught.value)
    assert openbao.accessors() == []


@pytest.mark.parametrize(
    ("template", "why"),
    [
        (one(path="creds/nobody"), "database/creds/nobody: 400"),
        (one(policies=("jit-pki",)), "permission denied"),
        (
            one(mount="kv", path="data/nothing", policies=("jit-kv",), standing="kv/data/nothing"),
            "404",
        ),
    ],
)
def test_what_vault_does_not_give_leaves_nothing(
    vault: Vault, openbao: OpenBaoServer, template: VaultTemplate, why: str
) -> None:
    """For certain: the token is gone as well."""
    wish = a_wish(template)
    place = vault.locate(wish, soon())

    with pytest.raises(NotMintedError, match=why):
        vault.mint(wish, place, in_seconds(300), soon())

    assert openbao.accessors() == []


def test_a_mount_that_gives_no_lease_is_not_believed(
    openbao: OpenBaoServer, signing: Signing, declared: VaultOptions
) -> None:
    """What was read may be anything: it is treated as minted, and killed."""
    assert isinstance(declared.login, JwtLogin)
    wrong = Mount(mount="kv", engine="other", death=Manner.LEASE)
    mistaken = options(openbao, declared.login.mount, mounts=(wrong,))
    wish = a_wish(one(mount="kv", path="data/shop/api", policies=("jit-kv",)))
    with opened(mistaken, signing.surroundings) as vault:
        place = vault.locate(wish, soon())
        with pytest.raises(BackendError, match="no lease") as caught:
            vault.mint(wish, place, in_seconds(300), soon())

        assert not isinstance(caught.value, NotMintedError)
        assert vault.revoke(place, soon()) is Death.GONE
    assert openbao.accessors() == []


def test_several_scopes_are_read_with_one_token(vault: Vault, postgres: PostgresServer) -> None:
    """Each word after its scope, what is the same once; one kill ends them all."""
    other = Secret(mount="database", path="creds/others", policies=("jit-orders",))
    template = VaultTemplate(scopes={"read": ORDERS, "again": ORDERS, "other": other})
    wish = a_wish(template, scopes=("read", "again", "other"))
    place = vault.locate(wish, soon())
    words = vault.mint(wish, place, in_seconds(300), soon()).words
    found = {
        scope: {name: words[f"{scope}/{name}"] for name in ("username", "password")}
        for scope in wish.scopes
    }

    assert found["read"] == found["again"] != found["other"]
    assert all(is_let_in(each, postgres.port) for each in found.values())
    assert vault.revoke(place, soon()) is Death.GONE
    assert not any(is_let_in(each, postgres.port) for each in found.values())


def test_a_credential_lives_as_long_as_its_lease_says(vault: Vault, openbao: OpenBaoServer) -> None:
    """Although the engine's role gives five minutes at first."""
    _, place = minted(vault, ttl_s=1_800)
    (lease,) = openbao.leases()
    seen = openbao.says("POST", "sys/leases/lookup", {"lease_id": f"database/creds/orders/{lease}"})

    assert 1_700 < seen["data"]["ttl"] <= 1_800
    assert vault.revoke(place, soon()) is Death.GONE


def test_another_broker_prolongs_what_one_has_minted(
    declared: VaultOptions, signing: Signing, openbao: OpenBaoServer
) -> None:
    """It knows the lease by the ledger; without, it says that nothing was prolonged."""
    wish = a_wish()
    with opened(declared, signing.surroundings) as vault:
        place = vault.locate(wish, soon())
        trail = vault.mint(wish, place, in_seconds(60), soon()).trail
    known = structs.replace(place, trail=trail)
    with opened(declared, signing.surroundings) as other:
        with pytest.raises(NotMintedError):
            other.renew(wish, place, in_seconds(900), soon())
        assert other.renew(wish, known, in_seconds(900), soon()).words == {}
        (lease,) = openbao.leases()
        body = {"lease_id": f"database/creds/orders/{lease}"}
        seen = openbao.says("POST", "sys/leases/lookup", body)["data"]

        assert 800 < seen["ttl"] <= 900
        assert other.revoke(known, soon()) is Death.GONE


def test_a_namespace_is_a_vault_of_its_own(
    openbao: OpenBaoServer, postgres: PostgresServer, signing: Signing
) -> None:
    """Minted, found without a trail, and killed there; the rest of the server is another target."""
    inside = openbao.within("team")
    furnish(inside, postgres)
    declared = options(inside, signing.trusted_by(inside), namespace="team")
    with opened(declared, signing.surroundings) as vault:
        words, place = minted(vault)
        with opened(declared, signing.surroundings) as other:
            seen = other.look_up(without_trail(place), soon())
            until_gone(other, without_trail(place))
        with pytest.raises(OtherTargetError):
            vault.revoke(
                structs.replace(place, identity=place.identity.removesuffix("team")), soon()
            )
        assert vault.revoke(place, soon()) is Death.ABSENT

    assert seen is Sighting.ALIVE
    assert inside.leases() == []
    assert not is_let_in(words, postgres.port)


# How it dies.


def test_open_sessions_end_with_the_lease(vault: Vault, postgres: PostgresServer) -> None:
    """By the statements of docs/vault.md; killed by name, and of age."""
    for killed in (True, False):
        words, place = minted(vault, ttl_s=300 if killed else 3)
        with login(words, postgres.port) as session:
            assert session.execute("SELECT 1").fetchone() == (1,)
            if killed:
                assert vault.revoke(place, soon()) is Death.GONE
            ends = time.monotonic() + 30
            while _answers(session):
                assert time.monotonic() < ends, "the session went on"
                time.sleep(0.1)


def _answers(session: Any) -> bool:
    try:
        session.execute("SELECT 1")
    except Exception:  # noqa: BLE001 - whatever the driver says
        return False
    return True


@pytest.mark.parametrize("known", ["by the ledger", "by nobody"])
def test_what_vault_cannot_undo_is_not_confirmed(
    declared: VaultOptions, signing: Signing, postgres: PostgresServer, known: str
) -> None:
    """Its token is gone at once, and its role lives on while the database is down."""
    with opened(declared, signing.surroundings) as one_broker:
        words, place = minted(one_broker)
    if known == "by nobody":
        place = without_trail(place)
    with opened(declared, signing.surroundings) as other:
        postgres.stop()
        try:
            assert other.revoke(place, soon()) is Death.ACCEPTED
            assert other.revoke(place, soon()) is Death.ACCEPTED
        finally:
            postgres.start()
        until_gone(other, place)

        assert other.look_up(place, soon()) is Sighting.ABSENT
    assert not is_let_in(words, postgres.port)


def test_a_signed_key_states_until_when_it_is_good(vault: Vault, openbao: OpenBaoServer) -> None:
    """No longer than its lease; its token is gone already."""
    words, _ = minted(vault, from_ssh())

    certificate = load_ssh_public_identity(words["signed_key"].encode())

    assert isinstance(certificate, SSHCertificate)
    assert certificate.valid_before * 1_000 <= in_seconds(300)
    assert certificate.valid_principals == [b"invoice-bot"]
    assert openbao.accessors() == []


def test_a_one_time_password_dies_with_its_lease(
    openbao: OpenBaoServer, signing: Signing, declared: VaultOptions
) -> None:
    """Its engine cannot prolong it; a host that asks Vault about it is told that it is none."""
    openbao.says("POST", "sys/mounts/otp", {"type": "ssh"})
    role = {"key_type": "otp", "default_user": "bot", "cidr_list": "10.0.0.0/8"}
    openbao.says("POST", "otp/roles/bots", role)
    openbao.says("POST", "sys/policies/acl/jit-ssh", {"policy": _MAY_HAVE})
    assert isinstance(declared.login, JwtLogin)
    mount = Mount(mount="otp", engine="ssh", death=Manner.LEASE)
    asked = one(mount="otp", path="creds/bots", body={"ip": "10.1.2.3"}, policies=("jit-ssh",))
    with opened(
        options(openbao, declared.login.mount, mounts=(mount,)), signing.surroundings
    ) as vault:
        words, place = minted(vault, asked)
        assert words["username"] == "bot"
        assert vault.revoke(place, soon()) is Death.GONE

    with pytest.raises(AssertionError, match="OTP not found"):
        openbao.says("POST", "otp/verify", {"otp": words["key"]})


_MAY_HAVE = """
path "ssh/issue/*" { capabilities = ["update"] }
path "otp/creds/*" { capabilities = ["update"] }
"""


def test_a_wrapped_secret_opens_once(
    vault: Vault, openbao: OpenBaoServer, postgres: PostgresServer
) -> None:
    """And its kill ends what is inside, opened or not."""
    wrapped = VaultTemplate(scopes={"read": ORDERS}, wrap_ttl_seconds=60)
    words, place = minted(vault, wrapped)
    _, unopened = minted(vault, wrapped)
    inside = openbao.unwrap(words["wrapping_token"])

    assert words["creation_path"] == "sys/wrapping/wrap"
    assert is_let_in(inside["data"], postgres.port)
    assert openbao.unwrap(words["wrapping_token"]) is None
    assert vault.revoke(place, soon()) is Death.GONE
    assert vault.revoke(unopened, soon()) is Death.GONE
    assert not is_let_in(inside["data"], postgres.port)
