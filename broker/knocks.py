"""Lets only those pass whose a task is, and notes which instance knocked that has no part in it.

To whoever knocks it is as if there were nothing. What is noted is for the detectors of behaviour
(:mod:`broker.behaviour`): a second instance on a task that another one has claimed.
"""

from broker.errors import NotFoundError
from broker.late_use import Lateness
from broker.model.lease import LeaseSpec
from broker.model.principal import Principal
from broker.model.task import Task, TaskSpec
from broker.ownership import require_holder, require_owner, require_visible


class Knocks:
    """The doors of :mod:`broker.ownership`, with somebody who listens."""

    def __init__(self, late: Lateness) -> None:
        self._late = late

    async def require_owner(self, caller: Principal, spec: TaskSpec, instance: str) -> None:
        """Let only the owning instance pass.

        Raises:
            NotFoundError: for everybody else.
        """
        try:
            require_owner(caller, spec, instance)
        except NotFoundError:
            await self._late.knocked(caller, spec.id, spec.tenant)
            raise

    async def require_holder(self, caller: Principal, lease: LeaseSpec) -> None:
        """Let only the instance pass that a credential was issued to.

        Raises:
            NotFoundError: for everybody else.
        """
        try:
            require_holder(caller, lease)
        except NotFoundError:
            await self._late.knocked(caller, lease.task, lease.tenant)
            raise

    async def require_visible(self, caller: Principal, task: Task) -> None:
        """Let those look who may.

        Raises:
            NotFoundError: for everybody else.
        """
        try:
            require_visible(caller, task)
        except NotFoundError:
            await self._late.knocked(caller, task.spec.id, task.spec.tenant)
            raise

    async def foreign(self, caller: Principal, spec: TaskSpec) -> NotFoundError:
        """Return what is raised at whoever has no part in a task."""
        await self._late.knocked(caller, spec.id, spec.tenant)
        return NotFoundError("no such task")

    async def came_late(self, caller: Principal, how: str) -> None:
        """Note that somebody came too late for something that needs no policy."""
        await self._late.asked(caller, how)
