"""Sessions of AWS roles that die with their task: their role refuses whoever bears its name.

Nothing at AWS calls a session in. So the broker owns one inline policy in every role that its
sessions are of, and the ledger says what must stand there (:mod:`backends.deny_lists`).
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec.structs import replace

from backends.aws_canary import Canaries, Canary
from backends.aws_deny import DenyDocuments, writer_of
from backends.aws_deny_document import weight
from backends.aws_entry import SHORTEST_S
from backends.aws_names import SessionAt
from backends.aws_shapes import AwsOptions, DenyWriter
from backends.aws_sts import AwsSts
from backends.aws_template import AwsTemplate, source_identity_of, tags_of
from backends.contract import Deadline, Place, Surroundings, Wish
from backends.deny_lists import Ban, Desired, ListAt, Standing
from backends.errors import BackendError, Trouble
from backends.templates import filled
from backends.wall_clock import now_ms

LONGEST_MS: Final = 43_200_000
"""A role's sessions last twelve hours at most (IAM User Guide, "MaxSessionDuration")."""

_SECOND_MS: Final = 1_000


class AwsDenied(AwsSts):
    """One account, with a list of refused sessions in each of its roles."""

    longest_ms = LONGEST_MS

    def __init__(
        self,
        options: AwsOptions,
        surroundings: Surroundings,
        now_ms: Callable[[], int] = now_ms,
    ) -> None:
        super().__init__(options, surroundings, now_ms)
        iam = writer_of(options, surroundings, self._clients, now_ms)
        self._documents = DenyDocuments(iam, options.deny_writer or DenyWriter(), now_ms)
        self._canaries = Canaries(self._entry, self._clients, options.s3_url, now_ms)

    def locate(self, wish: Wish, deadline: Deadline) -> Place:
        """Name role and session, and how to try whether it is refused."""
        place = super().locate(wish, deadline)
        template = wish.template
        if not isinstance(template, AwsTemplate) or template.probe is None:
            return place
        canary = Canary(
            probe=template.probe,
            external_id=template.external_id or "",
            tags=tags_of(template, wish),
            transitive_tags=template.transitive_tags,
            source_identity=source_identity_of(template, wish),
            subject=filled(self._subject, wish),
        )
        return replace(place, probe=canary.written())

    def probe(self, place: Place, deadline: Deadline) -> bool:
        """Try it with a session of the same name, and one of another."""
        self._require(place)
        return self._canaries.is_refused(place, deadline)

    def ban_of(self, place: Place) -> Ban:
        """Name its role, itself and its task."""
        self._require(place)
        at = SessionAt.of(place)
        return Ban(at=at.role.arn, one=at.session, task=at.session.partition("-")[0])

    def list_of(self, template: msgspec.Struct, deadline: Deadline) -> ListAt:  # noqa: ARG002 - nobody is asked
        """Name its role: the broker's policy there may be of a ledger that was lost."""
        if not isinstance(template, AwsTemplate):
            raise BackendError(Trouble.REFUSED, "a template of another kind")
        return ListAt(identity=self._identity, at=template.role_arn)

    def is_probed(self, place: Place) -> bool:
        """Tell whether its capability said how."""
        return bool(place.probe)

    def stays_until_ms(self, minted_by_ms: int, expires_at_ms: int) -> int:
        """STS gives no session of less than a quarter of an hour, and counts in seconds."""
        return max(minted_by_ms + SHORTEST_S * 1000, expires_at_ms) + _SECOND_MS

    def weight(self, entry: str) -> int:
        """Count characters."""
        return weight(entry)

    def read(self, at: str, deadline: Deadline) -> Standing:
        """Read what stands in a role."""
        return self._documents.read(at, deadline)

    def publish(self, at: str, desired: Desired, deadline: Deadline) -> Standing:
        """Write it, and read it back."""
        return self._documents.publish(at, desired, deadline)
