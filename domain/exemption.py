"""Accepted drift: a control that may differ for a while, because somebody answers for it."""

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict


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
