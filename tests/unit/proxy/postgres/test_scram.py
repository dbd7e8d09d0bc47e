"""SCRAM-SHA-256 from both sides: the RFC's own example, and everybody who does not know."""

import base64

import pytest

from broker.proxy.postgres.scram import Client, ScramError, Server, Verifier
from tests.fakes.pretend_secrets import drawn

PASSWORD = drawn("scram", 24)
SALT = b"0123456789abcdef"


def exchange(client: Client, server: Server) -> None:
    """Let both speak to the end."""
    client.verify(server.verify(client.prove(server.challenge(client.first()))))


def server(password: str = PASSWORD) -> Server:
    """Begin on the side that is shown something."""
    return Server(Verifier.of(password, SALT), "of-the-server")


def client(begin: str = "n,,") -> Client:
    """Begin on the side that shows something."""
    return Client(PASSWORD, "of-the-client", begin)


def test_the_example_of_rfc_7677() -> None:
    """Byte for byte; both halves of it are in what the server computes."""
    nonce = "rOprNGfwEbeRWgbNEkqO"
    verifier = Verifier.of("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    example = Server(verifier, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")

    challenge = example.challenge(f"n,,n=user,r={nonce}".encode())
    proof = b"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    said = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    signature = example.verify(said + b",p=" + proof)

    assert challenge == said[7:] + b",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    assert signature == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize("begin", ["n,,", "y,,"])
def test_both_are_satisfied_by_the_same_password(begin: str) -> None:
    """Whether or not the client could bind a channel."""
    exchange(client(begin), server())


def test_another_password_satisfies_nobody() -> None:
    """Neither is told which part was wrong."""
    with pytest.raises(ScramError, match="does not know"):
        exchange(client(), server("another"))


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"p=tls-server-end-point,,n=,r=of-the-client",
        b"n,a=root,n=,r=of-the-client",
        b"n,,n=,r=short",
        b"n,,n=,r=with,comma-in-it",
        b"n,,m=ext,n=,r=of-the-client",
        b"n,,n=,r=of-the-client,x=more",
        "n,,n=,r=of-the-clienü".encode(),
        b"n,,n=" + b"x" * 5000 + b",r=of-the-client",
    ],
    ids=str.split("nothing binding other-name short-nonce comma extension more not-ascii too-long"),
)
def test_a_client_that_begins_otherwise_is_not_understood(first: bytes) -> None:
    """Above all one that wants its channel bound: there is none."""
    with pytest.raises(ScramError, match=r"first message|ASCII"):
        server().challenge(first)


@pytest.mark.parametrize("change", ["begin", "nonce", "proof", "length", "form", "coding"])
def test_a_last_message_that_was_changed_proves_nothing(change: str) -> None:
    """Also one of whoever has heard another exchange."""
    shown, shower = server(), client()
    final = shower.prove(shown.challenge(shower.first()))
    changed = {
        "begin": final.replace(b"c=biws", b"c=eSws"),
        "nonce": final.replace(b"of-the-server", b"of-a-server!!"),
        "proof": final[:-8] + (b"AAAAAAA=" if final[-8:] != b"AAAAAAA=" else b"BBBBBBA="),
        "length": final.partition(b",p=")[0] + b",p=AAAA",
        "form": final + b",x=more",
        "coding": final.partition(b",p=")[0] + b",p=!!!!",
    }

    with pytest.raises(ScramError):
        shown.verify(changed[change])


@pytest.mark.parametrize(
    ("nonce", "rounds"),
    [
        ("somebody-else's", 4096),
        ("of-the-client", 4096),
        ("of-the-client-and", 4095),
        ("of-the-client-and", 1),
        ("of-the-client-and", 1_000_001),
        ("of-the-client-and", 9_999_999_999),
    ],
    ids=["foreign", "not-grown", "cheap", "one", "dear", "endless"],
)
def test_a_challenge_that_no_server_should_set_is_not_answered(nonce: str, rounds: int) -> None:
    """Nothing is computed for it, so it costs nothing."""
    with pytest.raises(ScramError):
        client().prove(f"r={nonce},s=c2FsdA==,i={rounds}".encode())


@pytest.mark.parametrize(
    "challenge", [b"", b"r=of-the-client-and", b"e=other-error", b"r=of-the-client x,s=eA==,i=4096"]
)
def test_a_challenge_that_is_none_is_not_answered(challenge: bytes) -> None:
    """It is read whole, or not at all."""
    with pytest.raises(ScramError):
        client().prove(challenge)


@pytest.mark.parametrize("final", [b"", b"v=AAAA", b"e=invalid-proof", b"v="])
def test_a_server_that_does_not_know_the_password_is_found_out(final: bytes) -> None:
    """Also before it was shown anything."""
    fresh, shower = client(), client()
    shower.prove(server().challenge(shower.first()))

    for each in (fresh, shower):
        with pytest.raises(ScramError, match="the server"):
            each.verify(final)


def test_nothing_shows_what_is_kept_of_a_password() -> None:
    """Neither of the keys."""
    verifier = Verifier.of(PASSWORD, SALT)

    assert "key" not in repr(verifier)
