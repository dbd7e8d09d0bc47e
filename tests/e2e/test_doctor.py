"""`broker doctor` and `broker ledger check` over a whole installation, sound and broken."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.cli import exits
from broker.cli.main import main
from broker.doctor import Doctor
from broker.settings.listening import Listen, TlsFiles
from broker.signing.private_files import write_private
from tests.fakes.certificates import Authority
from tests.fakes.until import until
from tests.fakes.world import World


async def states(world: World) -> dict[str, str]:
    """Examine the installation; the worst of each check counts."""
    found: dict[str, str] = {}
    async for line in Doctor(world.config.settings()).run():
        worst = max(found.get(line.check, "ok"), line.state, key=["ok", "warn", "fail"].index)
        found[line.check] = worst
        assert line.state == "ok" or line.remedy
    return found


async def test_a_sound_installation_is_all_well(world: World) -> None:
    """Every check is made."""
    assert await states(world) == dict.fromkeys(
        (
            *("settings", "listen", "certificates", "panic", "audit", "policy", "issuers"),
            *("store", "clock", "ledger", "keys", "facts", "redeciding", "notices"),
            *("break-glass", "targets"),
        ),
        "ok",
    ) | {"resource-servers": "warn"}  # nobody listens: there is none here


async def test_an_issuer_of_people_of_all_tenants_is_warned_of(world: World) -> None:
    """As by `config check`, with where it stands and what to do."""

    def drop_tenant(file: Any) -> None:
        del file["issuers"][0]["map"]["tenant"]
        file["issuers"][0]["claims"]["optional"].remove("tenant")

    world.config.edit("issuers.yaml", drop_tenant)

    lines = [line async for line in Doctor(world.config.settings()).run()]

    [warned] = [line for line in lines if (line.check, line.state) == ("issuers", "warn")]
    assert "issuers[0].map.tenant: is missing: the issuer vouches for people" in warned.what
    assert "identities" in warned.remedy
    assert warned.where == str(world.config.settings().issuers)


async def test_each_thing_that_is_broken_is_named(world: World) -> None:
    """And keeps no other check from being made."""
    world.config.edit_agent("invoice-bot", purpose="something else")
    world.single.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    for key in world.config.keys.glob("*.pem"):
        key.unlink()
    write_private(world.config.keys / "stray.pem", b"no key at all")
    world.config.write("issuers.yaml", "- 7\n")

    found = await states(world)

    world.single.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert found["policy"] == "warn"
    assert (found["store"], found["issuers"]) == ("fail", "fail")
    assert (found["settings"], found["audit"], found["clock"]) == ("ok", "ok", "ok")
    assert "fail" in (found["ledger"], found.get("keys"))


async def test_deciding_again_that_lags_is_told_with_who_is_cut_off(world: World) -> None:
    """How many buckets wait, since when, by which revisions; who has no facts; who is silent."""
    ledger, now_ms = world.broker.ledger, world.now() * 1000
    meta = ledger.keys.buckets[1].meta
    silent = {**SERVING, "name": "host-3", "facts_age_ms": 5}
    apart = {**SERVING, "name": "host-2", "facts_age_ms": 60_000}
    far = now_ms + 86_400_000
    await until(lambda: all(are_decided(world)))
    await world.stop()  # it would decide again, and say so
    world.single.ask("HSET", meta, "redo_since", now_ms - 42_000)
    world.single.ask("HSET", ledger.keys.replicas, "b", f"{far} {json.dumps(apart)}")
    world.single.ask("HSET", ledger.keys.replicas, "c", f"{now_ms - 90_000} {json.dumps(silent)}")

    found = [line async for line in Doctor(world.config.settings()).run()]

    told = [(line.state, line.what) for line in found if line.check == "redeciding"]
    assert [state for state, _ in told] == ["fail", "fail", "warn"]
    assert told[0][1].startswith("1 of ")
    assert ", bucket 01 for 4" in told[0][1]
    assert ": by bundle 1 of 1, facts 0 of 0" in told[0][1]
    assert told[1][1] == (
        "broker host-2 cannot reach the facts: it has revision 7, confirmed 60 s ago"
    )
    assert "broker host-3 has said nothing for 9" in told[2][1]


def are_decided(world: World) -> list[bool]:
    """Tell of each bucket whether the bundle has been followed in it."""
    metas = [bucket.meta for bucket in world.broker.ledger.keys.buckets]
    return [world.single.ask("HGET", meta, "redone_facts") == "1" for meta in metas]


SERVING: dict[str, object] = {
    "manifest": 1,
    "key_set": "d",
    "halves": [],
    "revision": 1,
    "is_giving": False,
    "graph": 7,
}


async def test_what_is_not_published_is_named_one_by_one(world: World) -> None:
    """With the file that says it, and what publishes it; the ledger is left as it was."""
    world.config.edit_agent("invoice-bot", purpose="something else")
    world.config.write("policies/more.cedar", "// nothing yet\n")
    ledger = world.ledger
    await world.stop()
    before = ledger.dump()

    lines = [line async for line in Doctor(world.config.settings()).run() if line.state == "warn"]
    lines = [line for line in lines if line.check == "policy"]

    assert [(line.check, line.what, line.where) for line in lines] == [
        (
            "policy",
            "agents invoice-bot is published otherwise than the files say",
            str(world.config.folder / "agents.yaml"),
        ),
        (
            "policy",
            "policies more.cedar is in the files and not published",
            str(world.config.folder / "policies" / "more.cedar"),
        ),
    ]
    assert all("broker apply" in line.remedy for line in lines)
    assert ledger.dump() == before


async def test_an_empty_ledger_stays_empty(world: World) -> None:
    """Looking at what is published makes no record of anything."""
    await world.stop()
    world.single.ask("FLUSHALL")

    found = await states(world)

    assert (found["ledger"], found["policy"]) == ("fail", "ok")
    assert world.single.ask("DBSIZE") == 0


async def test_the_program_at_the_store_is_named_with_its_version(world: World) -> None:
    """Whether it is old enough to be replaced is for people, too."""
    [line] = [line async for line in Doctor(world.config.settings()).run() if line.check == "store"]

    assert line.what.partition(" ")[0] in ("Redis", "Valkey")
    assert "fit for durability os" in line.what
    assert line.where == world.config.settings().store.url


async def test_a_certificate_and_a_folder_that_are_unfit_are_failures(
    world: World, tmp_path: Path
) -> None:
    """They are looked at where the settings name them."""
    begins = datetime(2020, 1, 1, tzinfo=UTC)
    files = Authority(tmp_path, "root").issue("old", begins=begins, life=timedelta(days=1))
    tls = TlsFiles(cert_file=files[0], key_file=files[1])
    settings = world.config.settings(
        listen=Listen(tls=tls), panic_socket=tmp_path / "nowhere" / "panic.sock"
    )

    failing = {line.check async for line in Doctor(settings).run() if line.state == "fail"}

    assert {"certificates", "panic"} <= failing
    assert "listen" not in failing


async def test_a_ledger_that_is_gone_is_named(world: World) -> None:
    """What needs no ledger is looked at all the same."""
    await world.stop()
    world.single.stop()

    found = await states(world)

    world.single.start()
    assert {found[check] for check in ("store", "clock", "ledger")} == {"fail"}
    assert (found["policy"], found["issuers"]) == ("ok", "ok")


def test_what_cannot_be_read_is_a_wrong_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    """For both commands, with a file."""
    for command in (["doctor"], ["ledger", "check"]):
        assert main([*command, "--config", "/nowhere", "--json"]) == exits.CONFIGURATION
        error: dict[str, Any] = json.loads(capsys.readouterr().err)["error"]
        assert error["faults"]


async def test_the_commands_say_so_by_their_exit_codes(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Zero for all well, one for something to do."""
    task = await world.open()
    lease = (await world.issue(task["id"]))["id"]
    settings = world.config.settings()
    text = (world.config.folder / "broker.yaml").read_text()
    text = text.replace(
        text[text.index("store:") :].split("url: ")[1].split("\n")[0], settings.store.url, 1
    )
    world.config.write("broker.yaml", text)
    line = ["ledger", "check", "--json", "--config", str(world.config.folder)]

    assert await asyncio.to_thread(main, line) == exits.OK
    due = world.broker.ledger.keys.of(lease).due
    world.single.ask("ZREM", due, f"l:{lease}:{task['id']}")
    capsys.readouterr()
    code = await asyncio.to_thread(main, line)

    told = capsys.readouterr().out
    document = json.JSONDecoder().raw_decode(told, told.index("{\n"))[0]
    assert (code, document["sound"]) == (exits.REFUSED, False)
    assert [each["where"] for each in document["findings"]] == [lease]
