"""The people of the MSP's own tenant, who sign in by a browser: one for each role, one without any, and a stranger.

Source: docs/reference/entra.md#sign-in-of-people.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

MSP_TENANT = "5eed0000-0000-4000-a000-000000000001"
OTHER_TENANT = "5eed0000-0000-4000-a000-000000000002"
CONSOLE_CLIENT = "5eed0000-0000-4000-a000-000000000003"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in. *roles*: app roles of the console's registration that were assigned to them."""

    login: str
    oid: str
    roles: tuple[str, ...] = ()
    tenant_id: str = MSP_TENANT


PEOPLE: Mapping[str, Person] = MappingProxyType(
    {
        person.login: person
        for person in (
            Person("rea.reader@msp.example", "5eed0000-0000-4000-b000-000000000001", ("Holdfast.Read",)),
            Person("oli.operator@msp.example", "5eed0000-0000-4000-b000-000000000002", ("Holdfast.Operate",)),
            Person("apu.approver@msp.example", "5eed0000-0000-4000-b000-000000000003", ("Holdfast.Approve",)),
            Person("ada.admin@msp.example", "5eed0000-0000-4000-b000-000000000004", ("Holdfast.Admin",)),
            Person("bea.admin@msp.example", "5eed0000-0000-4000-b000-000000000005", ("Holdfast.Admin",)),
            Person("nil.nobody@msp.example", "5eed0000-0000-4000-b000-000000000006"),
            Person("eve@other.example", "5eed0000-0000-4000-b000-000000000007", ("Holdfast.Admin",), OTHER_TENANT),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Granted:
    """What a code was given for: it is good once, with the verifier of its challenge (RFC 7636)."""

    person: Person
    redirect_uri: str
    challenge: str
    nonce: str


@dataclass(eq=False)
class SignIns:
    """Codes that were given and not used yet."""

    codes: dict[str, Granted] = field(default_factory=dict)
    given: int = 0

    def give(self, granted: Granted) -> str:
        self.given += 1
        code = f"simulated-code-{self.given}"
        self.codes[code] = granted
        return code

    def take(self, code: str) -> Granted | None:
        return self.codes.pop(code, None)
