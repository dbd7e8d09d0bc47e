"""The built-in rule: who may look at a task or lease, and who may take access away.

It needs no policy, no facts and no keys, so it holds when all of these are gone (I5). Whatever a
caller may not see does not exist for it (I6, I16): every refusal of one is NotFoundError.
"""

from broker.errors import AccessDeniedError, NotFoundError
from broker.model.lease import LeaseSpec
from broker.model.principal import Kind, Principal
from broker.model.task import Task, TaskSpec


def is_owner(caller: Principal, task: Task) -> bool:
    """Tell whether the caller is the instance that the task belongs to."""
    return is_instance_of(caller, task.spec, task.instance)


def is_instance_of(caller: Principal, spec: TaskSpec, instance: str) -> bool:
    """Tell the same where only a task's spec and its bound instance are at hand."""
    return (
        caller.kind is Kind.AGENT
        and instance != ""
        and caller.name == spec.agent
        and caller.instance == instance
        and caller.answers_for(spec.tenant)
    )


def is_opener(caller: Principal, spec: TaskSpec) -> bool:
    """Tell whether the caller opened the task, or it is done in her name by her own word.

    An agent is bound to its instance, an orchestrator is one identity however many copies of it
    run. A person's is the whole tree that she opened.
    """
    if caller.kind is Kind.PERSON:
        is_hers = spec.lender is not None and spec.lender.is_shown_by(caller)
        return is_hers and caller.answers_for(spec.tenant)
    if caller.ref != spec.opener or caller.issuer != spec.opener_issuer:
        return False
    if caller.kind is Kind.AGENT and caller.instance != spec.opener_instance:
        return False
    return caller.answers_for(spec.tenant)


def is_operator_of(caller: Principal, tenant: str) -> bool:
    """Tell whether the caller operates the tenant."""
    return caller.kind is Kind.OPERATOR and caller.answers_for(tenant)


def require_operator(caller: Principal) -> None:
    """Let only operators pass, of whatever tenant.

    Raises:
        AccessDeniedError: the caller is none.
    """
    if caller.kind is not Kind.OPERATOR:
        raise AccessDeniedError("operators-only")


def require_visible(caller: Principal, task: Task) -> None:
    """Let the owner, the opener and the tenant's operators look.

    Raises:
        NotFoundError: for everybody else.
    """
    allowed = (
        is_owner(caller, task)
        or is_opener(caller, task.spec)
        or is_operator_of(caller, task.spec.tenant)
    )
    if not allowed:
        raise NotFoundError("no such task")


def require_owner(caller: Principal, spec: TaskSpec, instance: str) -> None:
    """Let only the owning instance pass.

    Raises:
        NotFoundError: for everybody else.
    """
    if not is_instance_of(caller, spec, instance):
        raise NotFoundError("no such task")


def require_holder(caller: Principal, lease: LeaseSpec) -> None:
    """Let only the instance pass that the credential was issued to, on evidence of the same issuer.

    Raises:
        NotFoundError: for everybody else.
    """
    holds = (
        caller.kind is Kind.AGENT
        and caller.name == lease.agent
        and caller.instance == lease.instance
        and caller.issuer == lease.evidence_issuer
        and caller.answers_for(lease.tenant)
    )
    if not holds:
        raise NotFoundError("no such credential")
