"""Who may call the API: four roles, and the keys that the setting HOLDFAST_KEYS lists."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

type Role = Literal["Reader", "Operator", "Approver", "Admin"]
"""Reader sees. Operator also checks, reprovisions, opens, engages the brake, ends incidents and what is parked.

Approver also approves, excepts, undoes, declares and removes. Admin may do all of it, and what is left.
"""

ROLES: tuple[Role, ...] = get_args(Role.__value__)

_INCLUDES: Mapping[Role, frozenset[Role]] = {
    "Reader": frozenset({"Reader"}),
    "Operator": frozenset({"Reader", "Operator"}),
    "Approver": frozenset({"Reader", "Approver"}),
    "Admin": frozenset(ROLES),
}

APP_ROLES: Mapping[str, Role] = {
    "Holdfast.Read": "Reader",
    "Holdfast.Operate": "Operator",
    "Holdfast.Approve": "Approver",
    "Holdfast.Admin": "Admin",
}
"""App roles of the API's app registration, as a token's `roles` claim names them."""


def included(roles: Iterable[Role]) -> frozenset[Role]:
    """The roles themselves, and those that they include."""
    return frozenset[Role]().union(*(_INCLUDES[role] for role in roles))


class ApiKey(BaseModel):
    """One named key. *sha256*: of the key's UTF-8 bytes, in lower-case hex; the key itself is stored nowhere.

    A plain hash is enough, since keys are 32 random bytes, which nobody can guess.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    until: AwareDatetime | None = None

    def holds_at(self, now: datetime) -> bool:
        return self.until is None or now < self.until
