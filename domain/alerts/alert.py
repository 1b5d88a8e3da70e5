"""A Defender alert as Graph gives it: the fields used here are as documented or null; other fields are ignored.

Source: docs/reference/defender-alerts-and-audit.md#alert, #evidence.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from domain import normal
from domain.profile import Profile, first_fault

DEFENDER = "microsoftDefenderForOffice365"


class OddAlert(ValueError):  # noqa: N818 - it names the alert, and the error is that there is one
    """The alert is not as documented; *str()* says in one line what is wrong with it."""


def _text(value: object) -> object:
    if not isinstance(value, str | None):
        raise ValueError("should be a time as text")  # noqa: TRY004 - pydantic takes no other
    return value


type Moment = Annotated[AwareDatetime, BeforeValidator(_text)]
type Short = Annotated[str, Field(max_length=4096)]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class Sender(_Wire):
    """A sender of a message."""

    email_address: Short | None = None


class AnalysedMessage(_Wire):
    """One delivery of one message, `analyzedMessageEvidence`. *sender_ip*: the last relay that the service saw."""

    network_message_id: Short | None = None
    internet_message_id: Short | None = None
    subject: Short | None = None
    sender_ip: Short | None = None
    p2_sender: Sender | None = None
    recipient_email_address: Short | None = None
    received: Moment | None = Field(None, alias="receivedDateTime")
    direction: Short | None = Field(None, alias="antiSpamDirection")


class Cluster(_Wire):
    """Mail that resembles, `mailClusterEvidence`: no proof either way, but it may count mail that is shown nowhere."""

    network_message_ids: tuple[Short, ...] | None = None
    email_count: StrictInt | None = None


class Comment(_Wire):
    """A comment on an alert."""

    comment: str | None = None


class Alert(_Wire):
    """One alert, as far as it matters here. Kinds of evidence that we do not know say nothing of a delivery."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
    title: Short
    status: Short
    created: Moment = Field(alias="createdDateTime")
    updated: Moment = Field(alias="lastUpdateDateTime")
    first_activity: Moment | None = Field(None, alias="firstActivityDateTime")
    last_activity: Moment | None = Field(None, alias="lastActivityDateTime")
    classification: Short | None = None
    determination: Short | None = None
    assigned_to: Short | None = None
    url: Short | None = Field(None, alias="alertWebUrl")
    comments: tuple[Comment, ...] | None = None
    messages: tuple[AnalysedMessage, ...]
    clusters: tuple[Cluster, ...]

    @model_validator(mode="before")
    @classmethod
    def _sorted(cls, raw: Any) -> Any:  # noqa: ANN401 - whatever came
        """Tell messages and clusters from the other evidence."""
        evidence = raw.get("evidence") or ()
        if not isinstance(evidence, list | tuple) or not all(_typed(item) for item in evidence):
            raise ValueError("evidence: should be a list of objects, each with its @odata.type")
        clusters = [item for item in evidence if _is(item, "mailClusterEvidence")]
        messages = [item for item in evidence if _is(item, "analyzedMessageEvidence") or "senderIp" in item]
        return {**raw, "messages": messages, "clusters": clusters}

    @property
    def open(self) -> bool:
        return self.status in {"new", "inProgress"}

    @property
    def untouched(self) -> bool:
        """No person has taken or judged the alert. What a person decided stands."""
        judged = {self.classification, self.determination} - {None, "", "unknown"}
        return not judged and not self.assigned_to

    def says(self, marker: str) -> bool:
        """Whether one of its comments holds *marker*."""
        return any(marker in (comment.comment or "") for comment in self.comments or ())


_TYPE = "@odata.type"


def _typed(item: object) -> bool:
    return isinstance(item, Mapping) and isinstance(item.get(_TYPE), str)


def _is(item: Mapping[str, Any], kind: str) -> bool:
    return str(item[_TYPE]).casefold().endswith(f".{kind}".casefold())


def is_false_alert_policy(raw: object, profile: Profile) -> bool:
    """Whether *raw* is an alert of one of the profile's alert policies.

    Raises:
        OddAlert: That cannot be told.
    """
    if not isinstance(raw, Mapping):
        raise OddAlert("alert: should be an object")
    title = raw.get("title")
    if not isinstance(title, str):
        raise OddAlert("alert.title: should be a text")
    titles = {normal.name(policy) for policy in profile.alert_policies}
    return raw.get("serviceSource") == DEFENDER and normal.name(title) in titles


def parse_alert(raw: Mapping[str, Any]) -> Alert:
    """Read an alert.

    Raises:
        OddAlert: A field that matters is missing, of another type, or huge.
    """
    try:
        return Alert.model_validate(raw)
    except ValidationError as error:
        raise OddAlert(first_fault("alert", error)) from None
