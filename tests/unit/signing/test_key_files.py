from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from broker.errors import ConfigurationError
from broker.signing.key import SIGNING_ALGORITHMS, UnfitKeyError, new_private_key, thumbprint
from broker.signing.key_files import generate, load_keys, plainly_named
from broker.signing.private_files import write_private
from tests.fakes.issuer import RSA_2048


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Name a directory that is not there yet."""
    return tmp_path / "keys"


@pytest.mark.parametrize("alg", SIGNING_ALGORITHMS)
def test_a_generated_key_is_loaded_and_signs_the_same(directory: Path, alg: str) -> None:
    """What was written is what was made."""
    made = generate(directory, alg)

    (loaded,) = load_keys(directory)

    assert (loaded.kid, loaded.alg, loaded.jwk) == (made.kid, alg, made.jwk)
    assert loaded.sign({"a": 1}).reveal() == made.sign({"a": 1}).reveal()


def test_generated_files_are_closed_to_others(directory: Path) -> None:
    """The directory that is made has mode 0700, the file 0600."""
    key = generate(directory, "ES256")
    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / f"{key.kid}.pem").stat().st_mode & 0o777 == 0o600


def test_no_key_is_called_like_an_option() -> None:
    """`broker keys revoke KID` and `rm KID.pem` mean the key, whatever its thumbprint is."""
    key = new_private_key("EdDSA")
    while not thumbprint(key).startswith("-"):
        key = new_private_key("EdDSA")
    plain = new_private_key("ES256")
    while thumbprint(plain).startswith("-"):
        plain = new_private_key("ES256")
    made = iter([key, key, plain])

    assert plainly_named(lambda: next(made)) is plain


def test_keys_come_in_the_order_of_their_names(directory: Path) -> None:
    """Every replica sees the same."""
    made = sorted(generate(directory, "EdDSA").kid for _ in range(4))
    assert [key.kid for key in load_keys(directory)] == made


def test_an_empty_directory_has_no_keys_and_other_files_are_left_alone(directory: Path) -> None:
    """Only ``*.pem`` is looked at, hidden leftovers are not."""
    directory.mkdir(mode=0o700)
    (directory / "README").write_text("x")
    (directory / ".k.pem.123").write_text("x")
    (directory / ".k.pem").write_text("x")
    assert load_keys(directory) == ()


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    """Write a private key, encrypted or not."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    )


UNFIT = {
    "garbage": b"canary7",
    "empty": b"",
    "public": RSA_2048.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ),
    "RSA": pem(RSA_2048),
    "P-384": pem(ec.generate_private_key(ec.SECP384R1())),
    "encrypted": pem(ec.generate_private_key(ec.SECP256R1()), b"password"),
}


@pytest.mark.parametrize("content", UNFIT.values(), ids=UNFIT.keys())
def test_what_is_no_key_of_ours_is_refused_by_path(directory: Path, content: bytes) -> None:
    """The message names the file and the fix, and holds nothing of its content (I13)."""
    directory.mkdir(mode=0o700)
    write_private(directory / "k1.pem", content)
    with pytest.raises(
        ConfigurationError, match=r"k1\.pem: no unencrypted Ed25519 or P-256"
    ) as caught:
        load_keys(directory)
    assert "canary7" not in repr(caught.value.__context__)


def test_every_faulty_file_is_reported_at_once(directory: Path) -> None:
    """One run shows them all."""
    generate(directory, "ES256")
    write_private(directory / "a.pem", b"x")
    (directory / "b.pem").write_bytes(b"x")
    (directory / "b.pem").chmod(0o644)
    (directory / "c.pem").symlink_to(directory / "a.pem")
    with pytest.raises(ConfigurationError) as caught:
        load_keys(directory)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0].rsplit("/", 1)[1] for line in lines] == ["a.pem", "b.pem", "c.pem"]


def test_a_name_that_no_token_may_carry_is_refused(directory: Path) -> None:
    """The file's name becomes a ``kid``."""
    key = generate(directory, "ES256")
    (directory / f"{key.kid}.pem").rename(directory / "k 1.pem")
    with pytest.raises(ConfigurationError, match="no key id"):
        load_keys(directory)


def test_a_directory_that_is_open_linked_or_missing_is_refused(directory: Path) -> None:
    """Neither loading nor generating works there."""
    with pytest.raises(ConfigurationError, match="No such file"):
        load_keys(directory)
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    for work in (lambda: load_keys(directory), lambda: generate(directory, "ES256")):
        with pytest.raises(ConfigurationError, match="chmod 700"):
            work()
    assert list(directory.iterdir()) == []


def test_an_algorithm_that_we_do_not_sign_with_makes_nothing(directory: Path) -> None:
    """Not even the directory."""
    with pytest.raises(UnfitKeyError):
        generate(directory, "RS256")
    assert not directory.exists()
