"""The shipped configuration is valid, complete and says what the code says."""

import re
import typing
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from broker.attestation.settings import AttestationSettings
from broker.governance.bundle import Bundle
from broker.settings.load import Reading, load_document
from broker.settings.settings import Settings
from broker.settings.yaml_document import parse_yaml

CONFIG = Path(__file__).parents[2] / "config"
BROKER = CONFIG / "broker.yaml"


def test_the_shipped_configuration_has_no_fault() -> None:
    """It is what a newcomer begins with."""
    reading = Reading()

    settings = reading.read(BROKER, Settings)
    assert settings is not None
    issuers = reading.read(settings.value.issuers, AttestationSettings)
    bundle = Bundle.read(settings.value.bundle, reading)
    reading.finish()

    assert issuers is not None
    assert bundle is not None
    assert bundle.offline_capabilities == ()
    assert issuers.value.issuers[0].audience == "jit-broker"


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIG.glob("*.yaml")))
def test_every_shipped_file_is_plain_yaml(name: str) -> None:
    """None uses what the broker would not read."""
    assert parse_yaml((CONFIG / name).read_bytes(), name).faults == ()


def _settings(
    struct: type[msgspec.Struct], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], msgspec.structs.FieldInfo]]:
    hints = typing.get_type_hints(struct)
    for field in msgspec.structs.fields(struct):
        kinds = [hints[field.name], *typing.get_args(hints[field.name])]
        inner = [k for k in kinds if isinstance(k, type) and issubclass(k, msgspec.Struct)]
        yield (*path, field.encode_name), field
        for kind in inner:
            yield from _settings(kind, (*path, field.encode_name))


def test_every_setting_is_shown_with_its_comment() -> None:
    """``broker.yaml`` is the reference: no setting is missing from it."""
    lines = BROKER.read_text().splitlines()

    for path, _ in _settings(Settings):
        shown = [n for n, line in enumerate(lines) if re.match(rf"[ #]*\b{path[-1]}:", line)]
        assert shown, f"{'.'.join(path)} is not in broker.yaml"


def test_every_default_is_the_one_that_is_shown() -> None:
    """A newcomer may leave out any line whose value is called the default."""
    shown = load_document(BROKER, Settings)

    for path, field in _settings(Settings):
        if field.default is not msgspec.NODEFAULT:
            value: object = shown
            for name in path[:-1]:
                value = getattr(value, name, None)
            if isinstance(value, msgspec.Struct):  # of what is a list nothing is shown
                assert getattr(value, path[-1]) == field.default, ".".join(path)
