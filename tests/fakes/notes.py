"""What knocking on somebody else's things leaves behind: notes in the log, and nothing else."""

from tests.fakes.world import World

_NOTES = (":bl:", ":bt:behaviour.found:")


def but_for_notes(world: World) -> dict[str, object]:
    """Return what the ledger holds, but for how much was told, and how many notes in a minute."""
    kept = {
        key: value for key, value in world.dump().items() if not any(note in key for note in _NOTES)
    }
    for key, value in kept.items():
        if key.endswith(":meta") and isinstance(value, dict):
            value.pop("out", None)
    return {key: value for key, value in kept.items() if value}
