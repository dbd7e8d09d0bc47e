"""Which policy's scope lies within which other's."""

from cedarpy import pst


def covers(wide: pst.Template, narrow: pst.Template) -> bool:
    """Tell whether every request that fits one scope fits the other; when unsure, that it may not.

    Groups of actions and of entities are not looked into: only what is named alike counts.
    """
    return (
        _covers(wide.principal, narrow.principal)
        and _covers(wide.resource, narrow.resource)
        and _covers_action(wide.action, narrow.action)
    )


def _covers(
    wide: pst.PrincipalOrResourceConstraint, narrow: pst.PrincipalOrResourceConstraint
) -> bool:
    match wide:
        case pst.ScopeAny():
            return True
        case pst.ScopeIs(entity_type=wanted):
            return _type_of(narrow) == wanted
        case pst.ScopeIn(entity=group):
            return _group_of(narrow) == group
        case pst.ScopeIsIn(entity_type=wanted, entity=group):
            return _type_of(narrow) == wanted and _group_of(narrow) == group
        case _:
            return wide == narrow


def _type_of(constraint: pst.PrincipalOrResourceConstraint) -> pst.EntityType | None:
    match constraint:
        case pst.ScopeIs(entity_type=type_) | pst.ScopeIsIn(entity_type=type_):
            return type_
        case pst.ScopeEq(entity=pst.EntityUid(type=type_)):
            return type_
        case _:
            return None


def _group_of(constraint: pst.PrincipalOrResourceConstraint) -> pst.EntityOrSlot | None:
    match constraint:
        case pst.ScopeIn(entity=group) | pst.ScopeIsIn(entity=group) | pst.ScopeEq(entity=group):
            return group
        case _:
            return None


def _covers_action(wide: pst.ActionConstraint, narrow: pst.ActionConstraint) -> bool:
    if isinstance(wide, pst.ScopeAny):
        return True
    named = _actions(narrow)
    return named is not None and named <= (_actions(wide) or frozenset())


def _actions(constraint: pst.ActionConstraint) -> frozenset[pst.EntityUid] | None:
    match constraint:
        case pst.ActionEq(entity=action):
            return frozenset({action})
        case pst.ActionIn(entities=actions):
            return frozenset(actions)
        case _:
            return None
