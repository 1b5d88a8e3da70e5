"""What an HTTP caller is told when it cannot be done, and how its words are read (RFC 9457)."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from domain import controls
from domain.controls import CATALOGUE
from domain.profile import first_fault
from domain.tenant import TenantId

LARGEST_BODY_BYTES = 65_536

_TENANT_ID: TypeAdapter[str] = TypeAdapter(TenantId)


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """An answer other than success: *status* and one sentence for the caller."""

    def __init__(self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.headers = status, title, detail, headers or {}


class ProblemBody(BaseModel):
    """RFC 9457: what went wrong, in one sentence that names the field."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class Body(BaseModel):
    """What a request carries: nothing but the fields listed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def parsed[T: BaseModel](kind: type[T], body: bytes) -> T:
    """Read a request body, strictly: `"yes"` is no boolean.

    Raises:
        Problem: 413 too large, 400 not JSON, 422 with the field that is wrong.
    """
    if len(body) > LARGEST_BODY_BYTES:
        raise Problem(413, "Content Too Large", f"the body has {len(body)} bytes, at most {LARGEST_BODY_BYTES}")
    try:
        return kind.model_validate_json(body or b"{}", strict=True)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise Problem(400, "Bad Request", "the body is not JSON") from None
        raise invalid(first_fault("body", error)) from None


def invalid(detail: str) -> Problem:
    return Problem(422, "Unprocessable Content", detail)


def guid(text: str) -> str:
    """An id as we keep it; what is no GUID is nobody's id, so it is not found."""
    try:
        return _TENANT_ID.validate_python(text)
    except ValidationError:
        raise Problem(404, "Not Found", f"'{text[:64]}' is not the id of anything here: ids are GUIDs") from None


def known_control(control: str) -> str:
    """The id of a control in a path. Raises Problem 404 when there is none of that name."""
    if control not in CATALOGUE:
        raise Problem(404, "Not Found", f"there is no control '{control[:64]}'")
    return control


def refuse_strangers(ids: tuple[str, ...] | list[str], where: str) -> None:
    """Raises Problem 422 when one of *ids* is no control; *where* is the field that named it."""
    if strangers := controls.unknown(ids):
        raise invalid(f"{where}: there is no control '{strangers[0][:64]}'")
