"""From plain values to typed ones, with every fault and not only the first.

msgspec is the judge of types, but stops at its first complaint. So a document that it refuses is
walked field by field, and each part is put before it again: what is reported is always its verdict
on the smallest part that it refuses.
"""

import difflib
import enum
import re
import types
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from broker.settings.fault import Fault
from broker.settings.fault import Path as FaultPath
from broker.settings.yaml_document import Node

T = TypeVar("T")

_PLACE: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]")
_REMEDIES: Final = {
    "Expected `int`": "write a whole number, without quotes",
    "Expected `float`": "write a number, without quotes",
    "Expected `bool`": "write true or false",
    "Expected `str`": "write text, in quotes",
    "Expected `array`": "write a list, one item a line, each after a dash",
    "Expected `object`": "write keys and values",
}
"""By the beginning of msgspec's message, up to the comma; one about bounds goes on otherwise."""


MOST_UNKNOWN: Final = 100
"""Unknown settings of one place that are named one by one: looking for what was meant is slow."""


class Typing:
    """Reads one document's values. Relative paths are taken from ``folder``, where the file is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def faults(self, node: Node, type_: object) -> Iterator[Fault]:
        """Find everything that does not fit the type, or that the type itself calls wrong.

        A struct that is well-typed is asked for its own ``faults()`` even when its neighbours are
        not, so that one run shows all there is to mend.
        """
        inner = list(self._inner_faults(node, type_))
        yield from inner
        try:
            value = self.convert(node, typing.cast("type[object]", type_))
        except msgspec.ValidationError as error:
            if not inner:
                message = _PLACE.sub("", str(error))
                form = _form(type_) if "matching regex" in message else ""
                if form:
                    yield Fault(_place(error), "not of the form that it must have", f"write {form}")
                    return
                yield Fault(_place(error), message, _remedy(message, _alternatives(type_)[0]))
        else:
            yield from _own_faults(value)

    def convert(self, node: Node, type_: type[T]) -> T:
        """Make the typed value.

        Raises:
            msgspec.ValidationError: it does not fit; :meth:`faults` says where and why.
        """
        return msgspec.convert(node.plain(), type_, dec_hook=self._decode)

    def _decode(self, type_: type, value: object) -> object:
        if type_ is not Path:
            raise NotImplementedError(f"a setting cannot be a {type_.__name__}")
        if not isinstance(value, str) or not value or "\0" in value:
            raise ValueError("Expected `str`: the path of a file or folder")
        return self._folder / value

    def _inner_faults(self, node: Node, type_: object) -> Iterator[Fault]:
        alternatives = _alternatives(type_)
        if isinstance(node.value, dict):
            if (struct := _struct_for(node.value, alternatives)) is not None:
                yield from self._struct_faults(node.value, struct)
            else:
                item = _item_type(alternatives, (dict,))
                yield from self._item_faults(node.value.items(), item)
        elif isinstance(node.value, list):
            item = _item_type(alternatives, (list, tuple, set, frozenset))
            yield from self._item_faults(enumerate(node.value), item)

    def _item_faults(
        self, items: Iterable[tuple[str | int, Node]], item_type: object
    ) -> Iterator[Fault]:
        for key, node in items if item_type is not None else ():
            yield from (fault.under(key) for fault in self.faults(node, item_type))

    def _struct_faults(
        self, entries: dict[str, Node], struct: type[msgspec.Struct]
    ) -> Iterator[Fault]:
        hints = typing.get_type_hints(struct, include_extras=True)
        fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
        tag = struct.__struct_config__.tag_field
        yield from _unknown([n for n in entries if n not in fields and n != tag], list(fields))
        for name, field in fields.items():
            if name in entries:
                inner = self.faults(entries[name], hints[field.name])
                yield from (fault.under(name) for fault in inner)
            elif field.required:
                yield Fault((name,), "missing", "add it")


def _alternatives(type_: object) -> list[object]:
    """Take off bounds (``Annotated``) and ``None``: what is left may hold settings inside."""
    origin = typing.get_origin(type_)
    if origin is typing.Annotated:
        return _alternatives(typing.get_args(type_)[0])
    if origin in {typing.Union, types.UnionType}:
        arguments = [a for a in typing.get_args(type_) if a is not type(None)]
        return [inner for argument in arguments for inner in _alternatives(argument)]
    return [type_]


def _struct_for(
    entries: dict[str, Node], alternatives: list[object]
) -> type[msgspec.Struct] | None:
    """Choose the struct that a mapping means to be: the only one, or the one whose tag it bears."""
    structs = [a for a in alternatives if isinstance(a, type) and issubclass(a, msgspec.Struct)]
    tagged = [struct for struct in structs if _bears_tag(entries, struct)]
    chosen = structs if len(structs) == 1 else tagged
    return chosen[0] if len(chosen) == 1 else None


def _bears_tag(entries: dict[str, Node], struct: type[msgspec.Struct]) -> bool:
    config = struct.__struct_config__
    node = entries.get(config.tag_field or "")
    return node is not None and node.value == config.tag


def _item_type(alternatives: list[object], containers: tuple[type, ...]) -> object | None:
    for alternative in alternatives:
        if typing.get_origin(alternative) in containers:
            arguments = typing.get_args(alternative)
            last: object = arguments[0 if arguments[-1] is Ellipsis else -1]
            return last
    return None


def _place(error: msgspec.ValidationError) -> FaultPath:
    """Read how far inside the value msgspec found its complaint."""
    place = _PLACE.search(str(error))
    steps = _STEP.findall(place["path"]) if place else []
    return tuple(name or int(index) for name, index in steps)


def _unknown(names: list[str], known: list[str]) -> Iterator[Fault]:
    """Name what is no setting; of very many, as may be in what is no file of ours, the first."""
    for name in names[:MOST_UNKNOWN]:
        yield Fault((name,), "no such setting", _did_you_mean(name, known))
    if left := names[MOST_UNKNOWN:]:
        message = f"no such setting, nor are {len(left) - 1} others in this place"
        yield Fault((left[0],), message, f"known here: {', '.join(known)}")


def _did_you_mean(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"


def _remedy(message: str, type_: object) -> str:
    if isinstance(type_, type) and issubclass(type_, enum.Enum):
        return f"write one of: {', '.join(str(member.value) for member in type_)}"
    if typing.get_origin(type_) is typing.Literal:
        return f"write one of: {', '.join(map(str, typing.get_args(type_)))}"
    for beginning, remedy in _REMEDIES.items():
        if message.startswith(f"{beginning},"):
            return remedy
    return "write a value of that form"


def _form(type_: object) -> str:
    """Return what a pattern asks for, in words, where the type has them."""
    if typing.get_origin(type_) is typing.Annotated:
        metas = [each for each in typing.get_args(type_)[1:] if isinstance(each, msgspec.Meta)]
        return next((each.description for each in metas if each.description), "")
    return next((form for each in typing.get_args(type_) if (form := _form(each))), "")


def _own_faults(value: object) -> Iterator[Fault]:
    own = getattr(value, "faults", None) if isinstance(value, msgspec.Struct) else None
    if callable(own):
        yield from own()


def declared_faults(value: object) -> Iterator[Fault]:
    """Ask every struct in a typed value for what is well-typed in it and still wrong."""
    yield from _own_faults(value)
    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            inner = declared_faults(getattr(value, field.name))
            yield from (fault.under(field.encode_name) for fault in inner)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from (fault.under(index) for fault in declared_faults(item))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from (fault.under(str(key)) for fault in declared_faults(item))
