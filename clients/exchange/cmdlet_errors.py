"""What Exchange says when a cmdlet fails, and which error that is.

The envelope comes in three forms and says the same thing in many places; most of them are generic.
Source: docs/reference/exchange.md#errors, #statuses.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from clients.errors import (
    AlreadyExists,
    ClientError,
    Forbidden,
    Invalid,
    NotCustomised,
    NotFound,
    NotYet,
    Refused,
    Unauthorised,
    Unreadable,
    excerpt,
)
from clients.http import Answer, busy, claims_asked_for, raise_for_status


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a cmdlet, whom a remedy must name. *role*: the least that gives the cmdlet, in words."""

    tenant_id: str
    role: str
    consent_url: str

    @property
    def consent(self) -> str:
        return f"Have an administrator of the tenant grant the app role Exchange.ManageAsApp: {self.consent_url}"

    @property
    def assignment(self) -> str:
        where = f"to the app's service principal in tenant {self.tenant_id}"
        return f"Assign {self.role} {where}, then wait minutes."

    @property
    def customisation(self) -> str:
        return f"Run Enable-OrganizationCustomization in tenant {self.tenant_id}, then wait up to an hour."


@dataclass(frozen=True, slots=True)
class Complaint:
    """What the service said. *kind*: the exception's type, *text*: for people; each "" when there is none.

    *by_cmdlet* is false when nothing in the answer shows that a cmdlet ran: no detail, no inner error, no type.
    """

    kind: str
    text: str
    by_cmdlet: bool = True

    @property
    def name(self) -> str:
        """The exception's name without its namespace."""
        return self.kind.rpartition(".")[2]


def raise_for_cmdlet(answer: Answer, caller: Caller) -> None:
    """Raise the error that a failed call stands for: by exception type, then by its text, then by status."""
    if 200 <= answer.status < 300:  # noqa: PLR2004 - RFC 9110, section 15.3
        return
    complaint = complaint_of(answer)
    if complaint.name in _PASSING or _TOO_MANY in complaint.text:
        raise busy(answer, complaint.text)
    if refusal := _refusal(complaint, answer.status):
        raise _refused(refusal, answer, complaint, caller)
    raise_for_status(answer, said=complaint.text)


# Directory servers being moved or overloaded. Microsoft's own module retries these: docs/reference/exchange.md#retries
_PASSING = {
    "DCOverloadedException",
    "SuitabilityDirectoryException",
    "ServerInMMException",
    "ADServerSettingsChangedException",
    "StorageTransientException",
}
_TOO_MANY = "maximum number of concurrent requests"

_BY_NAME: Mapping[str, type[Refused]] = {
    "ManagementObjectNotFoundException": NotFound,
    "ErrorRuleNotFoundException": NotFound,
    "ADObjectAlreadyExistsException": AlreadyExists,
    "InvalidOperationInDehydratedContextException": NotCustomised,
    "AmbiguousParameterSetException": Invalid,
    "ParameterTransformationException": Invalid,
}
_BY_TEXT: tuple[tuple[str, type[Refused]], ...] = (
    ("CNAME record does not exist for this config", NotYet),
    ("run the command: Enable-OrganizationCustomization", NotCustomised),
    ("is not present in the role definition of the current user", Forbidden),
    ("Unable to initialize the authorization context", Forbidden),
    ("Provide valid credential", Forbidden),
    ("couldn't be found on '", NotFound),
    ("already exists", AlreadyExists),
)


_BY_STATUS: Mapping[int, type[Refused]] = {400: Invalid, 401: Unauthorised, 403: Forbidden, 404: NotFound}


def _refusal(complaint: Complaint, status: int) -> type[Refused] | None:
    by_text = (refusal for text, refusal in _BY_TEXT if text in complaint.text)
    return _BY_NAME.get(complaint.name) or next(by_text, None) or _BY_STATUS.get(status)


def _refused(refusal: type[Refused], answer: Answer, complaint: Complaint, caller: Caller) -> ClientError:
    text, kind, call = complaint.text, complaint.kind, answer.call
    if refusal is NotFound and not complaint.by_cmdlet:
        # No object is missing: no cmdlet ran. The host is the wrong one, or the tenant has moved.
        return Unreadable(f"404 without a cmdlet's error: {text}", call=call)
    if refusal is Unauthorised:
        claims = claims_asked_for(answer.headers)
        return Unauthorised(text, call=call, remedy=caller.consent, kind=kind, claims=claims)
    if refusal is Forbidden:
        return _forbidden(answer, complaint, caller)
    return refusal(text, call=call, remedy=caller.customisation if refusal is NotCustomised else "", kind=kind)


def _forbidden(answer: Answer, complaint: Complaint, caller: Caller) -> Forbidden:
    """Say which 403 this is: Exchange gives a reason only if it evaluated the roles."""
    text, remedy = complaint.text, caller.assignment
    if reason := answer.headers.get("x-ms-diagnostics"):
        text = f"a role is missing: {reason}"
    elif not text:
        text = "no reason given: a role is missing or not yet in force, or the token is older than the grant"
        remedy = f"If the role was granted within the last hour, wait. Otherwise: {remedy}"
    return Forbidden(text, call=answer.call, remedy=remedy, kind=complaint.kind)


_GENERIC = ("DirectInvokeCmdletExecutionException", "CmdletProxyException")
_USELESS = re.compile(r"Exception of type '[^']*' was thrown\.?")


def complaint_of(answer: Answer) -> Complaint:
    """Read the error of any answer. Never raises: a body that is no envelope counts as text."""
    error = _at(_parsed(answer.text), "error")
    details = _at(error, "details")
    detail = _detail(_at(details[0], "message") if isinstance(details, list) and details else None)
    internal = _words(_at(error, "innererror", "internalexception", "message"))
    texts = (
        detail.text,
        "" if _USELESS.fullmatch(internal) else internal,
        _words(_at(error, "innererror", "message")),
        _words(_at(error, "message")),
        excerpt(answer.text),
    )
    kinds = (
        detail.kind,
        _words(_at(error, "innererror", "internalexception", "type")),
        answer.headers.get("x-exceptiontype", ""),
    )
    return Complaint(
        kind=next((kind for kind in kinds if kind and not kind.endswith(_GENERIC)), ""),
        text=next(filter(None, texts), ""),
        by_cmdlet=bool(detail.text or _at(error, "innererror") or any(kinds)),
    )


_PROXY = "Error on proxy command"
_PIPED = re.compile(r"[^|]*\|(?P<kind>[\w.+]*)\|(?P<text>.*)", re.DOTALL)
_PROXIED = re.compile(r"\|(?P<kind>[\w.+]+Exception)\|(?P<text>[^\"\\]*)")
_EXCEPTION = re.compile(r"[\w.+]+Exception\b")


def _detail(message: object) -> Complaint:
    text = _words(message)
    parsed = _parsed(text)
    if isinstance(parsed, dict):
        kind = _words(_at(parsed, "typename")) or _words(_at(parsed, "classname"))
        return _unwrapped(kind, _words(_at(parsed, "message")) or _words(_at(parsed, "localizedstring")))
    piped = _PIPED.fullmatch(text)
    if piped and not text.startswith(_PROXY):
        return _unwrapped(piped["kind"], piped["text"].strip())
    return _unwrapped("", text)


def _unwrapped(kind: str, text: str) -> Complaint:
    """Another server's error inside this one, if a proxy passed it on."""
    if not (kind.endswith("CmdletProxyException") or text.startswith(_PROXY)):
        return Complaint(kind, text)
    if inner := _PROXIED.search(text):
        return Complaint(inner["kind"], inner["text"].strip() or text)
    named = (name for name in _EXCEPTION.findall(text) if not name.endswith(_GENERIC))
    return Complaint(next(named, kind), text)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _at(body: object, *path: str) -> object:
    """The value at *path* of nested objects, None where there is none. The service varies the case of its keys."""
    for name in path:
        if not isinstance(body, dict):
            return None
        body = next((value for key, value in body.items() if key.lower() == name), None)
    return body


def _words(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
