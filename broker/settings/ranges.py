"""The bounds that numbers in the configuration keep, as types."""

from typing import Annotated

from msgspec import Meta

Port = Annotated[int, Meta(ge=0, le=65_535)]
"""0 takes any free port: for tests."""

Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]
"""At least one of something."""

Seconds = Annotated[int, Meta(ge=1, le=31_622_400)]
"""From one second to a year of 366 days."""

Milliseconds = Annotated[int, Meta(ge=1, le=3_600_000)]
"""From one millisecond to an hour."""
