"""The password that redis-py is given."""

from pathlib import Path

import pytest
from redis.exceptions import AuthenticationError

from broker.store.password_file import PasswordFile


def test_it_is_the_first_line_each_time(tmp_path: Path) -> None:
    """With the user's name, and as the file is now."""
    file = tmp_path / "password"
    file.write_text("first\nnot this\n")
    password = PasswordFile("broker", file)
    assert password.get_credentials() == ("broker", "first")

    file.write_text("second")

    assert password.get_credentials() == ("broker", "second")


async def test_without_a_name_it_is_the_password_alone(tmp_path: Path) -> None:
    """The default user has no name."""
    file = tmp_path / "password"
    file.write_text("only\r\n")

    assert await PasswordFile("", file).get_credentials_async() == ("only",)


@pytest.mark.parametrize("content", [b"", b"\n", b"\nsecond line", b"\xff\xfe"])
def test_a_file_without_a_password_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty password would log in as nobody; the file is named, its content is not."""
    file = tmp_path / "password"
    file.write_bytes(content)

    with pytest.raises(AuthenticationError, match="password") as caught:
        PasswordFile("broker", file).get_credentials()

    assert "second" not in str(caught.value)


def test_it_does_not_show_the_password(tmp_path: Path) -> None:
    """Nothing about the object does."""
    file = tmp_path / "file"
    file.write_text("canary")
    password = PasswordFile("broker", file)
    password.get_credentials()

    assert "canary" not in repr(password) + repr(vars(password))
