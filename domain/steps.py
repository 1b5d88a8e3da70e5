"""A step is one write as data: shown, compared, approved, applied, printed as the line an admin would type."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched
from types import MappingProxyType
from typing import Annotated, Literal, Self, assert_never

from pydantic import Field

from domain.reading import Service
from domain.shown import is_plain, visible

type Value = str | bool | int | datetime | tuple[str, ...] | None

SET_RECORDS = "Set-DnsRecords"
"""The one kind of step in DNS: a record set from all that was there to all that is to be there (`dns_steps`)."""


@dataclass(frozen=True, slots=True)
class Step:
    """One cmdlet call, or change in DNS, that writes absolute values: applied twice it gives the same as once.

    *mends*: the fields of the plan's drift that it puts back; none named means all of them. *removes*: the ids of the
    findings that it takes away, where a person asked for that. *last*: it is taken only where all the others of its
    plan were, since without them it would do harm.
    """

    service: Service | Literal["dns"]
    cmdlet: str
    parameters: Mapping[str, Value]
    mends: tuple[str, ...] = field(default=(), compare=False)
    removes: tuple[str, ...] = field(default=(), compare=False)
    last: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        """Freeze the parameters, so that what was approved is what is applied."""
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    @property
    def key(self) -> str:
        """A name for exactly this write, whatever else is planned with it."""
        return _key(self.service, self.cmdlet, self.parameters)

    def signature(self, control: str) -> str:
        """The kind of step that this is, for the blast radius: the control and the cmdlet, or `dns`."""
        return f"{control}:{'dns' if self.service == 'dns' else self.cmdlet}"

    @property
    def powershell(self) -> str:
        """The line an admin would type, quoted so that no value can become code; for DNS, lines for nsupdate."""
        if self.service == "dns":
            return "\n".join(map(visible, self._updates()))
        words = [self.cmdlet]
        for name, value in self.parameters.items():
            # A switch (-Confirm) takes its value after a colon; booleans read the same way for both kinds.
            words.append(f"-{name}:{_literal(value)}" if name == "Confirm" else f"-{name} {_literal(value)}")
        return " ".join(words)

    def _updates(self) -> list[str]:
        """The records removed and added, in zone-file form, without those that stay and without a TTL that is kept."""
        name, kind = self.parameters["Name"], self.parameters["Type"]
        old, new = (_listed(self.parameters[side]) for side in ("Expected", "Wanted"))
        gone = [f"update delete {name}. {kind} {each}" for each in old if each not in new]
        owner = f"{name}." if old else f"{name}. {NEW_TTL_S}"
        return gone + [f"update add {owner} {kind} {each}" for each in new if each not in old]


def _key(service: str, cmdlet: str, parameters: Mapping[str, Value]) -> str:
    values = {name: _literal(value) for name, value in parameters.items()}
    return hashlib.sha256(json.dumps([service, cmdlet, values], sort_keys=True).encode()).hexdigest()[:16]


def digest(steps: tuple[Step, ...]) -> str:
    """A name for exactly this plan, in whatever order its steps were found: what a person approves."""
    return hashlib.sha256(" ".join(sorted(step.key for step in steps)).encode()).hexdigest()[:16]


LONGEST_SHOWN = 2000
"""Characters of one value that states and ledger keep; whole values stay in the tenant."""


def shortened(value: Value) -> Value:
    """*value* as states, ledger and operations keep it: a JSON value, long text cut."""
    match value:
        case tuple():
            return tuple(_cut(each) for each in value)
        case datetime():
            return value.isoformat()
        case str():
            return _cut(value)
        case _:
            return value


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}... ({len(text)} characters)"


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step as people read it, and as states, ledger and operations keep it.

    *existed*: what it was to make was there already, so this change never counts as created by us; in JSON where true.
    """

    service: Service | Literal["dns"]
    cmdlet: str
    parameters: Mapping[str, Value]
    powershell: str
    existed: Annotated[bool, Field(exclude_if=lambda existed: not existed)] = False

    @classmethod
    def of(cls, step: Step) -> Self:
        # What a change in DNS found is needed whole, to be put back; it is small (`dns_steps`).
        keep = (lambda value: value) if step.service == "dns" else shortened
        parameters = {name: keep(value) for name, value in step.parameters.items()}
        return cls(step.service, step.cmdlet, parameters, step.powershell)

    @property
    def key(self) -> str:
        """The key of the step that is shown, where none of its values was cut."""
        return _key(self.service, self.cmdlet, self.parameters)


NEW_TTL_S = 3600
"""TTL of a new record set; a changed one keeps its own (docs/reference/dns.md#rules-for-writing)."""


def _listed(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _literal(value: Value) -> str:
    match value:
        case None:
            return "$null"
        case bool():
            return "$true" if value else "$false"
        case int():
            return str(value)
        case datetime():
            return literal(value.isoformat())
        case str():
            return literal(value)
        case tuple():
            return f"@({', '.join(literal(item) for item in value)})"
        case _:
            assert_never(value)


# PowerShell reads typographic quotes as quotes too, so they are doubled or escaped like the plain ones.
_SINGLE = str.maketrans({quote: quote * 2 for quote in "'\u2018\u2019\u201a\u201b"})
_DOUBLE = str.maketrans({each: f"`{each}" for each in '`$"\u201c\u201d\u201e'})


def literal(text: str) -> str:
    """*text* as a PowerShell string of exactly this value, in which every character is visible.

    Source: about_Quoting_Rules (Microsoft Learn). An invisible character is a number, `$([char]10)`, in double quotes.
    """
    if all(map(is_plain, text)):
        return f"'{text.translate(_SINGLE)}'"
    return '"' + "".join(each.translate(_DOUBLE) if is_plain(each) else _numbered(each) for each in text) + '"'


def _numbered(character: str) -> str:
    """By its UTF-16 units, as a .NET char is one of these."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"$([char]{int.from_bytes(pair)})" for pair in map(bytes, batched(units, 2, strict=True)))
