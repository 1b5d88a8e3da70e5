"""A tenant's config as the fields of a form, and back. A field's name is the path of its value: `psa.company_id`.

What stands in a list has its number in the path: `freeze.0.start`. Times are in UTC.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, get_args

from domain.alerts.tenant_state import FALSE_ALERTS
from domain.controls import CATALOGUE
from domain.psa.desk import Provider
from domain.tenant import Mode, TenantConfig

type InputKind = Literal["text", "words", "time", "flag", "choice", "json"]
"""*words*: several texts, with commas or line ends between them; *flag*: yes, or absent."""

_MODES: tuple[str, ...] = get_args(Mode.__value__)


@dataclass(frozen=True, slots=True)
class Input:
    """One field of the form."""

    name: str
    label: str
    kind: InputKind = "text"
    choices: tuple[str, ...] = ()
    hint: str = ""


TENANT_INPUTS = (
    Input("name", "Name"),
    Input("initial_domain", "Initial domain", hint="ends in onmicrosoft.com"),
    Input("profile", "Profile", "choice"),
    Input("mode", "Mode", "choice", _MODES),
    Input("enabled", "Looked after", "flag"),
    Input("labels", "Labels", "words", hint="with commas between them"),
    Input("notify", "Channels that are told", "words", hint="with commas between them"),
    Input("mx_at_filter_since", "Every MX at the filter since", "time"),
)
CONTROL_INPUTS = tuple(
    Input(f"controls.{each}.mode", each, "choice", ("", *_MODES)) for each in (*CATALOGUE, FALSE_ALERTS)
)
PSA_INPUTS = (
    Input("psa.provider", "Ticket system", "choice", ("", *get_args(Provider))),
    Input("psa.company_id", "Id of the company there"),
    Input("psa.may_reprovision", "A webhook may reprovision", "flag"),
    Input("psa.may_open", "An agent's note may open the lock", "flag"),
    Input("psa.approvers", "Agents who may decide", "words", hint="their ids; none means every agent"),
)
OVERRIDES = Input("overrides", "Overrides of the profile, as JSON", "json")
ROWS: Mapping[str, tuple[Input, ...]] = {
    "service_connectors": (
        Input("name", "Connector"),
        Input("sender_ips", "Addresses", "words"),
        Input("certificate", "or certificate"),
        Input("require_tls", "TLS required", "flag"),
    ),
    "freeze": (Input("start", "From", "time"), Input("end", "Until", "time"), Input("reason", "Reason")),
    "dns": (
        Input("zone", "Zone"),
        Input("kind", "Host", "choice", ("", "azure_dns", "cloudflare", "rfc2136")),
        Input("subscription_id", "Subscription", hint="Azure DNS"),
        Input("resource_group", "Resource group", hint="Azure DNS"),
        Input("directory", "Tenant of the subscription", hint="Azure DNS, where it is another"),
        Input("secret_setting", "Setting of the secret", hint="HOLDFAST_DNS_SECRET_..."),
        Input("server", "Server", hint="RFC 2136, host:port"),
        Input("key_name", "Name of the key", hint="RFC 2136"),
        Input("algorithm", "Algorithm", "choice", ("", "hmac-sha256", "hmac-sha384", "hmac-sha512"), "RFC 2136"),
    ),
    "declared": (
        Input("finding", "Finding"),
        Input("reason", "Reason"),
        Input("owner", "Who answers for it"),
        Input("until", "Until", "time"),
    ),
}
"""The lists. A row that says nothing, or that is ticked as taken away, is none."""

AWAY = "away"
_SINGLE = (*TENANT_INPUTS, *CONTROL_INPUTS, *PSA_INPUTS, OVERRIDES)


def fields_of(config: TenantConfig) -> dict[str, str]:
    """What the form shows of *config*."""
    document = config.model_dump(mode="json", exclude_none=True)
    document["dns"] = [{"zone": zone, **host} for zone, host in document["dns"].items()]
    fields = {each.name: _text(each, _at(document, each.name)) for each in _SINGLE}
    for group, inputs in ROWS.items():
        for number, row in enumerate(document[group]):
            fields |= {f"{group}.{number}.{each.name}": _text(each, row.get(each.name)) for each in inputs}
    return {name: text for name, text in fields.items() if text}


def changed_fields(before: TenantConfig | None, after: TenantConfig) -> list[tuple[str, str, str]]:
    """Each field that differs, as it is and as it would be. *before*: None where nothing counts yet."""
    old, new = fields_of(before) if before else {}, fields_of(after)
    names = [name for name in old | new if old.get(name) != new.get(name)]
    return [(name, old.get(name, ""), new.get(name, "")) for name in names]


@dataclass(frozen=True)
class SentConfig:
    """The fields that a person sent, of the form that was made of *kept* or of one before it."""

    fields: Mapping[str, str]
    kept: TenantConfig

    def faults(self) -> dict[str, str]:
        """What the model cannot see, by the field."""
        faults, zones = dict[str, str](), list[str]()
        for number in self._numbers["dns"]:
            zones.append(self._text("dns", number, "zone"))
            if zones[-1] in zones[:-1]:
                faults[f"dns.{number}.zone"] = "should be named once"
        try:
            if not isinstance(_value(OVERRIDES, self.fields.get("overrides", "")), dict):
                faults["overrides"] = "should be a JSON object"
        except ValueError as error:
            faults["overrides"] = f"is not JSON: {error}"
        return faults

    def document(self) -> dict[str, Any]:
        """The config as the model reads it, where there are no *faults*."""
        document: dict[str, Any] = {"tenant_id": self.kept.tenant_id, "enabled": False}
        for each in _SINGLE:
            if value := _value(each, self.fields.get(each.name, "")):
                _put(document, each.name, value)
        rows = {group: [self._row(group, number) for number in self._numbers[group]] for group in ROWS}
        return document | rows | {"dns": {row.pop("zone", ""): row for row in rows["dns"]}}

    def place_of(self, where: Sequence[str | int]) -> str:
        """The field, the row or the list that an error of the model is about, by its place in the document."""
        group = str(where[0])
        if group in ROWS:
            return self._place_in(group, where[1:])
        path = ".".join(map(str, where))
        found = [each.name for each in _SINGLE if path == each.name or path.startswith(f"{each.name}.")]
        return next(iter(found), group)

    def _place_in(self, group: str, where: Sequence[str | int]) -> str:
        numbers = self._numbers[group]
        keys = [self._text(group, each, "zone") for each in numbers] if group == "dns" else range(len(numbers))
        known = dict(zip(keys, numbers, strict=True))
        if not where or where[0] not in known:
            return group
        field = [each.name for each in ROWS[group] if each.name in where[1:]]
        return ".".join([group, str(known[where[0]]), *field[:1]])

    @cached_property
    def _numbers(self) -> dict[str, list[int]]:
        """Which rows of each list are to be kept, by their numbers in the form."""
        return {
            group: [each for each in numbers_in(self.fields, group) if self._is_there(group, each)] for group in ROWS
        }

    def _is_there(self, group: str, number: int) -> bool:
        if self._text(group, number, AWAY):
            return False
        if group == "declared":
            return self._text(group, number, "finding") in self._declared
        return any(self._text(group, number, each.name) for each in ROWS[group])

    def _text(self, group: str, number: int, name: str) -> str:
        return self.fields.get(f"{group}.{number}.{name}", "").strip()

    def _row(self, group: str, number: int) -> dict[str, Any]:
        row = {each.name: _value(each, self._text(group, number, each.name)) for each in ROWS[group]}
        if group == "declared":
            return self._declared[row["finding"]] | row
        return {name: value for name, value in row.items() if value}

    @cached_property
    def _declared(self) -> dict[str, dict[str, Any]]:
        """What the form does not send of a declaration: what was found there."""
        return {each.finding: each.model_dump(mode="json") for each in self.kept.declared}


def words_in(text: str) -> list[str]:
    """What a field of several texts has: with commas or line ends between them."""
    return [word.strip() for word in re.split(r"[,\n]", text) if word.strip()]


def numbers_in(fields: Mapping[str, str], group: str) -> list[int]:
    """The numbers of the rows of a list that *fields* have."""
    found = (re.match(rf"{group}\.(\d{{1,4}})\.", name) for name in fields)
    return sorted({int(each[1]) for each in found if each})


def _at(document: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - a value of JSON
    found: Any = document
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _put(document: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for name in parents:
        document = document.setdefault(name, {})
    document[last] = value


def _text(field: Input, value: Any) -> str:  # noqa: ANN401 - a value of JSON
    """*value* as the field has it; empty where there is nothing to say."""
    match field.kind:
        case _ if not value:
            return ""
        case "words":
            return ", ".join(value)
        case "flag":
            return "yes"
        case "json":
            return json.dumps(value, indent=2, ensure_ascii=False)
        case "time":
            at = datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None)
            return at.isoformat(timespec="milliseconds" if at.microsecond else "seconds")
        case _:
            return str(value)


def _value(field: Input, text: str) -> Any:  # noqa: ANN401 - a value of JSON
    """What *text* says; empty where it says nothing."""
    given = text.strip()
    match field.kind:
        case "words":
            return words_in(given)
        case "flag":
            return given == "yes"
        case "json":
            return json.loads(given or "{}")
        case "time":
            return f"{given}Z" if re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+", given) else given
        case _:
            return given
