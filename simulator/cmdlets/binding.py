"""How JSON becomes parameters: names without case, values converted by type, the rest refused.

Source: docs/reference/exchange.md#parameters.
"""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from simulator.failures import invalid, missing_parameters, unconvertible, unknown_parameter

type Converter = Callable[[str, Any], Any]

HASHTABLE = "#Exchange.GenericHashTable"
# Common parameters of every cmdlet; they change nothing here.
_COMMON = frozenset({"warningaction", "erroraction", "verbose", "debug", "informationaction"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: how its JSON value converts, and whether the call fails without it."""

    convert: Converter
    mandatory: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """`@{Add=...; Remove=...}`: a change to a collection instead of its value."""

    add: tuple[str, ...]
    remove: tuple[str, ...]

    def applied_to(self, current: list[str]) -> list[str]:
        kept = [item for item in current if item not in self.remove]
        return kept + [item for item in self.add if item not in kept]


def bind(cmdlet: str, parameters: Mapping[str, Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given values, converted, under the documented spelling of their names.

    Raises:
        CmdletError: unknown name, missing mandatory parameter, value that does not convert.
    """
    spelling = {name.casefold(): name for name in parameters}
    bound: dict[str, Any] = {}
    for name, value in given.items():
        folded = name.casefold()
        if "@" in name or folded in _COMMON:
            continue
        if folded not in spelling:
            raise unknown_parameter(cmdlet, name)
        bound[spelling[folded]] = parameters[spelling[folded]].convert(name, _tagged(name, value))
    missing = [name for name, parameter in parameters.items() if parameter.mandatory and bound.get(name) in (None, [])]
    if missing:
        raise missing_parameters(missing)
    return bound


def _tagged(name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
    """The value, if every object in it says what it is: an untagged one fails to bind."""
    objects = [value, *value] if isinstance(value, list) else [value]
    if any(isinstance(item, Mapping) and "@odata.type" not in item for item in objects):
        raise unconvertible(name, "Cannot convert a value of type System.Text.Json.JsonElement.")
    return value


# --- converters ------------------------------------------------------------------------------------------------------


def text(longest: int = 0) -> Converter:
    """A string or null; at most *longest* characters, 0 for no limit."""

    def convert(name: str, value: Any) -> str | None:  # noqa: ANN401
        if value is not None and not isinstance(value, str | int | float):
            raise unconvertible(name, "Cannot convert value to type System.String.")
        if longest and len(str(value)) > longest:
            raise invalid(f"The length of the property is too long. The maximum length is {longest} and the length of"
                          f" the value provided is {len(str(value))}. ({name})")  # fmt: skip
        return None if value is None else str(value)

    return convert


def boolean(name: str, value: Any) -> bool:  # noqa: ANN401
    if not isinstance(value, bool):
        raise unconvertible(name, f"Cannot convert value '{value}' to type System.Boolean.")
    return value


def integer(name: str, value: Any) -> int | None:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, int | None):
        raise unconvertible(name, f"Cannot convert value '{value}' to type System.Int32.")
    return value


def moment(name: str, value: Any) -> datetime | None:  # noqa: ANN401
    if value is None or isinstance(value, datetime):
        return value
    try:
        found = datetime.fromisoformat(str(value)[:26].rstrip("Z"))
    except ValueError as error:
        raise unconvertible(name, f"Cannot convert value '{value}' to type System.DateTime.") from error
    return found.replace(tzinfo=UTC)


def choice(*names: str, nullable: bool = False) -> Converter:
    """An enum: the full name or a prefix that only one name has."""

    def convert(name: str, value: Any) -> str | None:  # noqa: ANN401
        if value is None and nullable:
            return None
        wanted = str(value).casefold()
        exact = [known for known in names if known.casefold() == wanted]
        found = exact or [known for known in names if wanted and known.casefold().startswith(wanted)]
        if len(found) != 1:
            raise unconvertible(
                name,
                f'Cannot convert value "{value}" to the enumeration. Unable to match the identifier name {value} to a'
                f" valid enumerator name. Specify one of the following enumerator names and try again:"
                f" {', '.join(names)}",
            )
        return found[0]

    return convert


def strings(check: Callable[[str], str] = str) -> Converter:
    """A collection of strings: a list, one bare string, null, or a tagged `Add`/`Remove`. *check* may rewrite items."""

    def items(name: str, value: Any) -> tuple[str, ...]:  # noqa: ANN401
        listed = value if isinstance(value, list) else [] if value is None else [value]
        if any(not isinstance(item, str | int) for item in listed):
            raise unconvertible(name, "Cannot convert value to type Microsoft.Exchange.Data.MultiValuedProperty.")
        return tuple(check(str(item)) for item in listed)

    def convert(name: str, value: Any) -> list[str] | Change:  # noqa: ANN401
        if not isinstance(value, Mapping):
            return list(items(name, value))
        if value["@odata.type"] != HASHTABLE:
            raise unconvertible(name, f"Unknown type {value['@odata.type']}.")
        return Change(items(name, value.get("Add")), items(name, value.get("Remove")))

    return convert


def inbound_address(item: str) -> str:
    """One IPv4 address or a CIDR from /24 to /32 (docs/reference/exchange.md#inbound-connectors).

    Raises:
        CmdletError: a range, IPv6, a wider prefix, or no address at all.
    """
    try:
        network = ipaddress.IPv4Network(item, strict=False)
    except ValueError as error:
        raise invalid(f"'{item}' isn't a valid IP address or CIDR range. Only IPv4 is supported.") from error
    if network.prefixlen < 24:  # noqa: PLR2004 - the service's own limit
        raise invalid(f"The IP address range '{item}' is invalid. Only CIDR ranges between /24 and /32 are supported.")
    return item


def any_value(_name: str, value: Any) -> Any:  # noqa: ANN401
    return value


IDENTITY = {"Identity": Parameter(text(), mandatory=True)}
LISTING = {"Identity": Parameter(text()), "ResultSize": Parameter(any_value)}
