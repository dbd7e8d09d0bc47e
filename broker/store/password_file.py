"""The password of the ledger's account, read anew at every connection, so that it may rotate."""

from pathlib import Path

from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError

from broker.secret import Secret


class PasswordFile(CredentialProvider):
    """Gives redis-py a user name and the first line of a file.

    A subclass because redis-py asks for one, and nothing else knows the password: it stands in no
    option, no attribute and no rendering of a client.
    """

    def __init__(self, username: str, path: Path) -> None:
        self._username = username
        self._path = path

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Read the file.

        Raises:
            redis.exceptions.AuthenticationError: it has no password. The text names the file.
        """
        password = self._read().reveal()
        return (self._username, password) if self._username else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """Read the file. It is local and short, so the event loop does not notice."""
        return self.get_credentials()

    def _read(self) -> Secret:
        try:
            lines = self._path.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise AuthenticationError(f"{self._path} cannot be read") from error
        if not lines or not lines[0]:
            raise AuthenticationError(f"{self._path} is empty; its first line is the password")
        return Secret(lines[0])
