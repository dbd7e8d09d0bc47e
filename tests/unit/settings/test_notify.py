"""Who is told is named so that it can be reached, and by nobody overheard."""

from pathlib import Path
from typing import Any

import pytest

from broker.settings.load import Reading
from broker.settings.notify import MailTo, Notify, Smtp, Webhook

FILE = Path("/nowhere")
HOOK = {"name": "oncall", "url": "https://alarms.example/hook?key=1", "secret_file": FILE}
MAIL = MailTo(name="security", to=("security@example.com",))
SMTP = {"host": "mail.example", "sender": "broker@example.com", "mails": (MAIL,)}


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({}, []),
        ({"url": "http://127.0.0.1:9000/hook"}, []),
        ({"url": "http://alarms.example/hook"}, ["url"]),
        ({"url": "https://user@alarms.example/"}, ["url"]),
        ({"url": "https://alarms.example/#x"}, ["url"]),
        ({"url": "ftp://alarms.example/"}, ["url"]),
        ({"url": "https://"}, ["url"]),
        ({"name": "On Call"}, ["name"]),
        ({"events": ("approval.requested", "breakglass.*")}, []),
        ({"events": ("*",)}, ["events"]),
    ],
    ids=repr,
)
def test_a_webhook_is_reached_by_tls_or_on_this_machine(
    given: dict[str, Any], where: list[str]
) -> None:
    """Whoever could read it on the way would learn of every emergency."""
    assert [fault.path[0] for fault in Webhook(**{**HOOK, **given}).faults()] == where


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({}, []),
        ({"security": "none"}, ["security"]),
        ({"security": "none", "host": "127.0.0.1"}, []),
        ({"username": "broker"}, ["password_file"]),
        ({"password_file": FILE}, ["username"]),
        ({"sender": "broker"}, ["sender"]),
        ({"sender": "broker@example.com\r\nBcc: eve@example.com"}, ["sender"]),
        ({"host": "mail example"}, ["host"]),
    ],
    ids=repr,
)
def test_mail_leaves_encrypted(given: dict[str, Any], where: list[str]) -> None:
    """And to well-formed addresses only."""
    assert [fault.path[0] for fault in Smtp(**{**SMTP, **given}).faults()] == where


def test_an_address_cannot_carry_a_header() -> None:
    """Nor a second address."""
    for address in ("a@b\nBcc: eve@x", "a@b, eve@x", "a b@c", "a"):
        assert [f.path[0] for f in MailTo(name="x", to=(address,)).faults()] == ["to"]


def test_no_two_receivers_share_a_name() -> None:
    """Each has its own place in the log."""
    notify = Notify(
        webhooks=(Webhook(**{**HOOK, "name": "security"}),),
        smtp=Smtp(**SMTP),  # type: ignore[arg-type]
    )

    assert [fault.path for fault in notify.faults()] == [("smtp", "mails", 0, "name")]


def test_what_the_shipped_file_shows_as_comments_is_well_formed(tmp_path: Path) -> None:
    """A newcomer takes the marks away and has it."""
    lines = (Path(__file__).parents[3] / "config" / "broker.yaml").read_text().splitlines()
    begin = lines.index("notify:") + 2
    end = next(n for n, line in enumerate(lines) if line.startswith("  deadline_ms: 5000 "))
    shown = [line.replace("  # ", "  ", 1) for line in lines[begin:end]]
    (tmp_path / "notify.yaml").write_text("\n".join(line[2:] for line in shown))
    reading = Reading()

    found = reading.read(tmp_path / "notify.yaml", Notify)
    reading.finish()

    assert found is not None
    assert found.value.webhooks[0].name == "oncall"
    assert found.value.smtp is not None
