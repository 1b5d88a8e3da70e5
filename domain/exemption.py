"""Accepted drift: a control that may differ for a while, because somebody answers for it."""

from datetime import datetime, timedelta
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.errors import BadField

LONGEST_ACCEPTED = timedelta(days=366)
"""How far ahead a person may answer for anything: after a year somebody looks at it again."""

LONGEST_REASON = 4000
"""Characters that are kept of reasons, one over the other."""


class Exemption(BaseModel):
    """An exception of one control: who answers for it, why, and until when. It ends by itself."""

    model_config = ConfigDict(frozen=True)

    reason: str
    owner: str
    until: AwareDatetime

    def holds_at(self, now: datetime) -> bool:
        return now < self.until

    @property
    def sentence(self) -> str:
        return f"accepted by {self.owner} until {self.until.isoformat()}: {self.reason}"

    def over(self, earlier: Self | None) -> Self:
        """The same in the place of *earlier*: what was accepted for longer ends no sooner, and keeps its reason."""
        if earlier is None or earlier.until <= self.until:
            return self
        reason = f"{self.reason} until {self.until.isoformat()}; {earlier.sentence}"[:LONGEST_REASON]
        return type(self)(reason=reason, owner=self.owner, until=earlier.until)


def refuse_end(until: datetime, now: datetime) -> None:
    """Raises BadField unless *until* is in the future, and at most LONGEST_ACCEPTED ahead."""
    if until <= now:
        raise BadField("body.until", f"should be in the future; it is {now.isoformat(timespec='seconds')} now")
    if until > now + LONGEST_ACCEPTED:
        raise BadField("body.until", "should be at most a year ahead")
