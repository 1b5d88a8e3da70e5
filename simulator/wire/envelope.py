"""Rows and refusals in Exchange's OData clothes.

Source: docs/reference/exchange.md#success, #values, #errors.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from simulator.failures import CmdletError
from simulator.rows import Row, UInt16
from simulator.wire.http import dumps

_STACK = (
    "   at Microsoft.Exchange.AdminApi.CommandInvocation.CommandInvocation.InvokeCommand(QueryContext queryContext)"
)
_INVOKE = "Microsoft.Exchange.Management.PSDirectInvoke.DirectInvokeCmdletExecutionException"


def envelope(context: str, rows: list[Row], warnings: list[str], **more: object) -> dict[str, Any]:
    """The body of a success. *context*: the URL up to and with the tenant."""
    return {
        "@odata.context": f"{context}/$metadata#Collection(Exchange.GenericHashTable)",
        "adminapi.warnings@odata.type": "#Collection(String)",
        "@adminapi.warnings": warnings,
        **more,
        "value": rows,
    }


def annotated(row: Row, select: Collection[str], *, null_empties: bool) -> dict[str, Any]:
    """The row as JSON, each property after its type annotations."""
    shown: dict[str, Any] = {}
    for name, value in row.items():
        if select and name not in select:
            continue
        kind = type(value)
        if kind in _PLAIN or (null_empties and value == []):
            shown[name] = value or None if kind is list else value
            continue
        for annotation, text in _ANNOTATIONS[kind]:
            shown[f"{name}@{annotation}"] = text
        shown[name] = _moment(name, value) if kind is datetime else str(value) if kind is UUID else value
    return shown


_PLAIN = frozenset({str, bool, type(None)})
_ANNOTATIONS: dict[type, tuple[tuple[str, str], ...]] = {
    list: (("odata.type", "#Collection(String)"),),
    UUID: (("data.type", "System.Guid"), ("odata.type", "#Guid")),
    datetime: (("data.type", "System.DateTime"),),
    int: (("data.type", "System.Int32"),),
    UInt16: (("data.type", "System.UInt16"), ("odata.type", "#Decimal")),
}
_ZONES = {"WhenChanged": "+00:00", "WhenCreated": "+00:00", "LastValidationTimestamp": ""}


def _moment(name: str, value: datetime) -> str:
    """Seven fractional digits; what follows them depends on the property."""
    return f"{value.isoformat(timespec='microseconds')[:26]}0{_ZONES.get(name, 'Z')}"


def refusal(error: CmdletError) -> dict[str, Any]:
    """The body of a failed cmdlet, in the form that the error asks for."""
    inner: dict[str, Any] = {
        "message": "Error executing cmdlet",
        "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
        "stacktrace": _STACK,
        "internalexception": {
            "message": f"Exception of type '{_INVOKE}' was thrown.",
            "type": _INVOKE,
            "stacktrace": _STACK,
        },
    }
    body: dict[str, Any] = {"code": error.code, "message": "Error executing cmdlet"}
    match error.form:
        case "pipe":
            body["details"] = [_detail("Client", f"{error.ident}|{error.kind}|{error.text}")]
        case "json":
            told = {"Message": error.text, "TypeName": error.kind, "StackTrace": None, "InnerError": None}
            body["details"] = [_detail("Context", dumps(told).decode())]
            inner = {"message": "Error executing cmdlet", "type": "ODataServiceException"}
        case "bare":
            inner["internalexception"] |= {"message": error.text, "type": error.kind}
    body |= {"innererror": inner, "adminapi.warnings@odata.type": "#Collection(String)", "@adminapi.warnings": []}
    return {"error": body}


def plain_error(code: str, message: str) -> dict[str, Any]:
    """An error of the service itself, before any cmdlet ran."""
    return {"error": {"code": code, "message": message}}


def _detail(code: str, message: str) -> dict[str, str]:
    return {"code": code, "target": "", "message": message}
