"""Who somebody is said to be, before the registry has said who that is here."""

from typing import Protocol

from broker.model.principal import Kind


class Shown(Protocol):
    """Who somebody is said to be, and by whom."""

    @property
    def kind(self) -> Kind:
        """What part the caller plays."""
        ...

    @property
    def name(self) -> str:
        """Its name; for a resource server, its audience."""
        ...

    @property
    def issuer(self) -> str:
        """Who vouches."""
        ...

    @property
    def subject(self) -> str:
        """The ``sub`` of the evidence."""
        ...
