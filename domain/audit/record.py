"""One record of a tenant's unified audit log about an administrator's cmdlet, in whichever shape it comes.

Source: docs/reference/defender-alerts-and-audit.md#audit-records, #who-did-it.
"""

import re
from collections.abc import Mapping
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from ipaddress import ip_address
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

from domain import controls, normal
from domain.profile import first_fault
from domain.states import Actor

EXCHANGE_POWERSHELL = "fb78d390-0c51-40cd-8e17-fdbfab77341b"
"""Microsoft's own application, through which the cmdlets of any person may come."""

_VERBS = {"new", "set", "remove", "enable", "disable", "rotate"}


class OddRecord(ValueError):  # noqa: N818 - it names the record, and the error is that there is one
    """The record is not as documented; *str()* says in one line what is wrong with it."""


def _utc(value: object) -> object:
    """CreationTime is in UTC and carries no zone."""
    if not isinstance(value, str):
        raise ValueError("should be a time as text")  # noqa: TRY004 - pydantic takes no other
    at = datetime.fromisoformat(value)
    if not MINYEAR < at.year < MAXYEAR:  # no time before or after it could be told
        raise ValueError("should be a time of our age")
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


_PAIR = re.compile(r'-(\w+):?\s+("(?:[^"]|"")*"|\'(?:[^\']|\'\')*\'|(?!-)\S+)')


def _parameters(value: object) -> object:
    """A list of Name and Value, or one text `-Name "value" ...`."""
    if value is None:
        return {}
    if isinstance(value, Mapping):  # as we keep it
        return value
    if isinstance(value, str):
        return {name: text.strip("\"'") for name, text in _PAIR.findall(value)}
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise ValueError("should be a list of Name and Value, or a text")
    return {str(each.get("Name")): str(each.get("Value")) for each in value}


def _empty(value: object) -> object:
    return "" if value is None else value


type AuditText = Annotated[str, BeforeValidator(_empty), Field(max_length=4096)]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_pascal, populate_by_name=True)


class AppContext(_Wire):
    """`AppAccessContext`: every member is optional."""

    client_app_id: AuditText = ""
    client_app_name: AuditText = ""


class AuditRecord(_Wire):
    """Who ran which cmdlet on what, when, and from where."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")]
    at: Annotated[AwareDatetime, BeforeValidator(_utc)] = Field(alias="CreationTime")
    operation: Annotated[str, Field(max_length=200)]
    user_id: AuditText = ""
    user_key: AuditText = ""
    app_id: AuditText = ""
    client_app_id: AuditText = ""
    token_object_id: AuditText = ""
    app_access_context: Annotated[AppContext, BeforeValidator(lambda value: value or {})] = AppContext()
    address: AuditText = Field("", alias="ClientIP")
    object_id: AuditText = ""
    result_status: Annotated[AuditText, BeforeValidator(lambda value: value if value is None else str(value))] = ""
    parameters: Annotated[dict[str, str], BeforeValidator(_parameters)] = {}

    @property
    def controls(self) -> tuple[str, ...]:
        return _controls(self.operation)

    @property
    def succeeded(self) -> bool:
        return self.result_status.casefold() not in {"false", "failed", "fail"}

    @property
    def locks(self) -> bool:
        """Whether it says in full that an inbound connector refuses all mail that does not come by it since.

        One with a scope does not: which domains that leaves open is not in the record. Nor does one that asks for a
        certificate: whether it takes the filter's mail is not known.
        """
        given = {name: text.casefold() for name, text in self.parameters.items()}
        restricts = given.get("RestrictDomainsToIPAddresses") == "true"
        certified = given.get("RestrictDomainsToCertificate") == "true"
        of_everyone = "*" in {normal.domain(each) for each in re.split(r"[\s,{}]+", given.get("SenderDomains", ""))}
        cmdlet = self.operation.casefold()
        # A connector that is set keeps what is not said of it, a new one is on.
        enabled = given.get("Enabled", "true" if cmdlet == "new-inboundconnector" else "") == "true"
        partner = given.get("ConnectorType") == "partner" and enabled
        scoped = given.get("AssociatedAcceptedDomains", "").strip("{}[] ") != ""
        known = cmdlet in {"new-inboundconnector", "set-inboundconnector"}
        return known and self.succeeded and partner and of_everyone and restricts and not certified and not scoped

    @property
    def addresses(self) -> frozenset[str]:
        """Those that the connector takes mail of, where it says so."""
        given = re.split(r"[\s,{}]+", self.parameters.get("SenderIPAddresses", ""))
        return frozenset(normal.network(each) for each in given if each)

    @property
    def names(self) -> frozenset[str]:
        """What the object may be called: `ObjectId` is a name with or without a path, `Identity` what was typed."""
        given = (self.object_id, self.parameters.get("Identity", ""), self.parameters.get("Name", ""))
        return frozenset(normal.name(re.split(r"[\\/]", name)[-1]) for name in given if name)

    @property
    def actor(self) -> Actor:
        return Actor(who=self._who, address=_address(self.address), at=self.at, operation=self.operation)

    @property
    def _who(self) -> str:
        """A person's name; for applications, partners' technicians and Microsoft itself what there is of one."""
        user = self.user_id.strip()
        if found := _TECHNICIAN.search(user):
            return f"a partner's technician {found[2]} of tenant {found[1]}"
        if "@" in user and not user.casefold().startswith("user_"):
            return user
        if user.casefold().startswith("nt "):
            return f"Microsoft's own service ({user})"
        apps = (self.app_access_context.client_app_name, self.app_id, self.client_app_id)
        application = next((app for app in apps if app and app != EXCHANGE_POWERSHELL), "")
        if application or GUID.search(user):
            return f"application {application or user}"
        return user or self.user_key or "somebody the log does not name"


GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TECHNICIAN = re.compile(r"tenant:\s*([0-9a-f-]{36}),\s*object:\s*([0-9a-f-]{36})", re.IGNORECASE)


def _address(text: str) -> str:
    """`203.0.113.9:51544`, `[2001:db8::9]:51544` or an address alone; any other text is kept unchanged."""
    bare = text.strip()
    for each in (bare, bare.rpartition(":")[0].strip("[]"), bare.strip("[]")):
        try:
            return str(ip_address(each))
        except ValueError:
            continue
    return bare


def _controls(operation: str) -> tuple[str, ...]:
    verb, _, noun = operation.casefold().partition("-")
    return controls.concerned_by(noun) if verb in _VERBS else ()


def concerns_control(raw: object) -> bool:
    """Whether *raw* is about a cmdlet that can change what a control watches.

    Raises:
        OddRecord: That cannot be told.
    """
    if not isinstance(raw, Mapping) or not isinstance(raw.get("Operation"), str):
        raise OddRecord("record.Operation: should be a text")
    return bool(_controls(raw["Operation"]))


def parse_audit_record(raw: object) -> AuditRecord:
    """Read a record.

    Raises:
        OddRecord: A field that matters is missing, of another type, or huge.
    """
    try:
        return AuditRecord.model_validate(raw)
    except ValidationError as error:
        raise OddRecord(first_fault("record", error)) from None
