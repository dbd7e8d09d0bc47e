"""What operators.md types, typed before `broker dev` with the ids of real tasks.

Each block has a name here, so a block that is new on the page has to get one.
"""

import shlex
from pathlib import Path

import pytest

from broker.cli import exits
from tests.fakes.keyboard import Keyboard, typed_blocks
from tests.fakes.playground import Up
from tests.fakes.second_installation import configuration_beside, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

(
    START,
    ISSUER,
    REVOKE,
    DECISION,
    CREDENTIAL,
    ROTATE,
    STOLEN,
    WHY,
    PUBLISH,
    RESTORED,
    FACTS,
    FREEZE,
    SET,
    ORDERS,
    PANIC,
) = typed_blocks("operators.md")


def test_from_nothing_to_a_broker_whose_keys_rotate_are_stolen_and_in_panic(
    up: Up, keys: Keyboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started, rotated twice over, its key revoked, everything ended over the socket."""
    config = configuration_beside(up, tmp_path)
    monkeypatch.setenv("BROKER_CONFIG", str(config))
    check, init, apply, serve = START
    listing, announce, sign, retire = ROTATE

    assert "is good" in keys.does(check).out
    assert "active" in keys.does(init).out
    assert "Published revision 1" in keys.does(apply).out
    with serving(shlex.split(serve)[1:], config) as broker:
        assert "Next: broker keys rotate" in keys.does(listing).out
        assert "next" in keys.does(announce).out
        assert "retiring" in keys.does(sign).out
        assert "retiring" not in keys.does(retire).out

        [active] = keys.does(f"{listing} --json").document["keys"]
        [revoke] = STOLEN
        kid = {"KID": active["kid"]}
        assert keys.types(revoke, kid).code == exits.USAGE  # it asks, and nobody is there to answer
        assert active["kid"] not in keys.does(f"{revoke} --yes", kid).out.partition("\n\n")[0]

        [panic] = PANIC
        door = {"/run/jit-broker/panic.sock": str(tmp_path / "run" / "panic.sock")}
        assert keys.types(panic, door).code == exits.USAGE
        assert "token signing key leaked" in keys.does(f"{panic} --yes", door).out
        assert broker.poll() is None


def test_evidence_is_tried_without_a_broker(keys: Keyboard) -> None:
    """The token is one of the issuer `dev`, so `cluster` refuses it and says at which check."""
    reachable, token = ISSUER

    assert "1 usable" in keys.does(reachable).out
    refused = keys.types(token)
    assert (refused.code, "iss" in refused.out) == (exits.REFUSED, True)
    assert "accepted: operator alice" in keys.does(token, {"cluster": "dev"}).out


def test_access_is_taken_away_by_whatever_it_is_called(keys: Keyboard) -> None:
    """A task, an agent, a credential, an issuer, all: each acknowledged, with its receipts."""
    task = keys.opens()
    first = keys.gets(task)
    second = keys.gets(keys.opens())
    keys.becomes("operator:alice")
    by_task, by_agent, by_credential, by_issuer, everything = REVOKE

    assert first in keys.does(by_task, {"t_…": task}).out
    assert second in keys.does(by_credential, {"l_…": second}).out
    assert "issued before" in keys.does(by_agent).out
    assert "runner compromised" in keys.does(by_issuer).out
    assert keys.types(everything).code == exits.USAGE
    assert "acknowledged   true" in keys.does(f"{everything} --yes").out


def test_operators_see_why(keys: Keyboard) -> None:
    """Of a refusal and of what was granted."""
    task = keys.opens()
    credential = keys.gets(task)
    refused = keys.types(f"broker credential issue {task} orders-api --scope orders:write")
    decision = refused.err.split("broker explain ")[1].split()[0]
    keys.becomes("operator:alice")

    assert "beyond-ceiling" in keys.does(DECISION[0], {"d_…": decision}).out
    assert "would be granted now" in keys.does(CREDENTIAL[0], {"l_…": credential}).out


def test_a_change_of_the_files_is_published_and_taken_back(up: Up, keys: Keyboard) -> None:
    """Looked at, published, listed, compared; what was before is back, and the ledger too."""
    look, publish, listing, difference, back = PUBLISH
    agents = Path(up["config"]).parent / "agents.yaml"
    before = agents.read_text("utf-8")
    agents.write_text(before.replace("quota: 100 ", "quota: 99 "), "utf-8")

    assert "a dry run" in keys.does(look).out
    assert "Published revision 2" in keys.does(publish).out
    assert "OPS-17: write access" in keys.does(listing).out
    assert "quota: 100 -> 99" in keys.does(difference).out
    assert "quota: 99 -> 100" in keys.does(back).out
    agents.write_text(before, "utf-8")
    assert "No difference." in keys.does(RESTORED[0]).out


def test_who_works_on_what_decides_and_it_is_seen_why_something_ended(
    up: Up, keys: Keyboard
) -> None:
    """All of the block in its order; a credential because of the ticket dies by the suspension."""
    *puts, reach, reached, closing, suspend, resume, other, retire, history, rollback = FACTS
    for line in puts:
        keys.does(line)
    task = keys.opens(capability="orders-export=orders:export", besides="--ticket OPS-1")
    credential = keys.gets(task, "orders-export", "orders:export")
    keys.becomes("operator:alice")

    assert "concerns dataset:orders" in keys.does(reach).out
    assert "agent:invoice-bot" in keys.does(reached).out
    assert credential in keys.does(closing).out
    keys.does(suspend)
    report, verify = WHY
    told = keys.says(report, {"t_…": task}, "no longer granted: ")
    assert "no longer granted: agent-held, revision" in told
    assert "The trail is whole." in keys.does(verify, {"FILE": f"{up['state']}/audit-1.jsonl"}).out
    keys.does(resume)
    keys.does(other)
    assert "would end 0" in keys.does(retire).out
    changes = keys.does(history).out
    assert "page 4711" in changes
    newest = changes.splitlines()[1].split()[0]
    assert "stands" in keys.does(rollback, {"42": newest}).out


def test_a_task_is_frozen_and_thawed(keys: Keyboard) -> None:
    """What it had is dead; it may ask anew."""
    task = keys.opens()
    credential = keys.gets(task)
    keys.becomes("operator:alice")
    freeze, frozen, thaw = FREEZE

    assert credential in keys.does(freeze, {"t_…": task}).out
    assert task in keys.does(frozen).out
    assert "alive                 true" in keys.does(thaw, {"t_…": task}).out
    assert keys.gets(task) != credential


def test_exactly_a_set_is_taken_away_and_its_order_is_found_again(keys: Keyboard) -> None:
    """Nothing is an hour old here, so the set is taken whatever its age."""
    credential = keys.gets(keys.opens())
    keys.becomes("operator:alice")
    look, take = SET
    pending, receipts = ORDERS

    assert "count          0" in keys.does(look).out
    shown = keys.does(look, {" --older-than 1h": ""}).out
    taken = keys.does(take, {"3f1c…": shown.split("digest")[1].split()[0]}).out
    assert credential in taken
    assert "No such orders" in keys.does(pending).out
    assert "No credentials" in keys.does(receipts, {"r_07_…": taken.split()[1]}).out
