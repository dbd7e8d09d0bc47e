"""The bodies of the OpenID AuthZEN Authorization API 1.0, as shapes.

Members that are not known are ignored, as the standard wants it. What they hold is read further
down, where it is known what the question is about. Of several questions each is an object of its
own: what is wrong with one of them is no fault of the whole (§7.2.1).
"""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from broker.evaluations import MAX_EVALUATIONS
from broker.http.wire import Body

MAX_ID = 8_192
"""Characters of a subject's or resource's id: a token is one."""

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID)]
Type = Annotated[str, Meta(min_length=1, max_length=256)]
Properties = Annotated[dict[str, Any], Meta(max_length=64)]


class NamedPart(Struct):
    """A subject or a resource."""

    type: Type
    id: Id
    properties: Properties = field(default_factory=dict)


class ActionPart(Struct):
    """An action."""

    name: Type
    properties: Properties = field(default_factory=dict)


class EvaluationBody(Body, forbid_unknown_fields=False):
    """``POST /access/v1/evaluation``."""

    subject: NamedPart
    action: ActionPart
    resource: NamedPart
    context: Properties = field(default_factory=dict)


class OptionsPart(Struct):
    """How several are to be answered."""

    evaluations_semantic: str = "execute_all"


class EvaluationItem(Struct):
    """One of several; what it lacks is taken from the whole."""

    subject: NamedPart | UnsetType = UNSET
    action: ActionPart | UnsetType = UNSET
    resource: NamedPart | UnsetType = UNSET
    context: Properties | UnsetType = UNSET


class EvaluationsBody(Body, forbid_unknown_fields=False):
    """``POST /access/v1/evaluations``."""

    subject: NamedPart | UnsetType = UNSET
    action: ActionPart | UnsetType = UNSET
    resource: NamedPart | UnsetType = UNSET
    context: Properties | UnsetType = UNSET
    evaluations: Annotated[list[dict[str, Any]], Meta(max_length=MAX_EVALUATIONS)] = field(
        default_factory=list
    )
    options: OptionsPart = field(default_factory=OptionsPart)
