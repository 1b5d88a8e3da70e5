"""A person's yes to steps that open a tenant whose lock is not proven."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import AwareDatetime


@dataclass(frozen=True, slots=True)
class Approval:
    """Who answers for one step, why, and until when. It counts until then, however often the step is planned."""

    reason: str
    owner: str
    until: AwareDatetime

    def counts_at(self, now: datetime) -> bool:
        return now < self.until

    @property
    def sentence(self) -> str:
        return f"approved by {self.owner} until {self.until.isoformat()}: {self.reason}"
