"""Accepted drift: a control that may differ for a while, because somebody answers for it."""

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from domain.errors import BadField

LONGEST_ACCEPTED = timedelta(days=366)
"""How far ahead a person may answer for anything: after a year somebody looks at it again."""

LONGEST_REASON = 4000
"""Characters that are kept of reasons, one over the other."""


class Exemption(BaseModel):
    """An exception of one control: who answers for it, why, and until when. It ends by itself.

    *held_open_until*: a person has opened the tenant's lock, and until then nothing closes it.
    """

    model_config = ConfigDict(frozen=True)

    reason: str
    owner: str
    until: AwareDatetime
    held_open_until: Annotated[AwareDatetime | None, Field(exclude_if=lambda at: at is None)] = None

    def holds_at(self, now: datetime) -> bool:
        return now < self.until

    def holds_open_at(self, now: datetime) -> datetime | None:
        """Until when it keeps the lock open at *now*; None where it does not."""
        return self.held_open_until if self.held_open_until and now < self.held_open_until else None

    @property
    def sentence(self) -> str:
        return f"accepted by {self.owner} until {self.until.isoformat()}: {self.reason}"

    def over(self, earlier: Self | None) -> Self:
        """The same in the place of *earlier*: what was accepted for longer ends no sooner, and keeps its reason."""
        if earlier is None:
            return self
        held = max(filter(None, (self.held_open_until, earlier.held_open_until)), default=None)
        if earlier.until <= self.until:
            return type(self)(reason=self.reason, owner=self.owner, until=self.until, held_open_until=held)
        reason = f"{self.reason} until {self.until.isoformat()}, and not put back then: {earlier.sentence}"
        reason = reason[:LONGEST_REASON]
        return type(self)(reason=reason, owner=self.owner, until=earlier.until, held_open_until=held)

    def instead_of(self, earlier: Self | None, now: datetime) -> Self:
        """The same once a person has it take the place of *earlier*, with the hold that is on.

        Raises:
            BadField: It ends before mail is held open no longer.
        """
        held = earlier.holds_open_at(now) if earlier else None
        if held and self.until < held:
            opened = f"a person holds mail open until {held.isoformat()}"
            raise BadField("body.until", f"should not be before that, as {opened}: end that exception first")
        return type(self)(reason=self.reason, owner=self.owner, until=self.until, held_open_until=held)


def refuse_end(until: datetime, now: datetime) -> None:
    """Raises BadField unless *until* is in the future, and at most LONGEST_ACCEPTED ahead."""
    if until <= now:
        raise BadField("body.until", f"should be in the future; it is {now.isoformat(timespec='seconds')} now")
    if until > now + LONGEST_ACCEPTED:
        raise BadField("body.until", "should be at most a year ahead")
