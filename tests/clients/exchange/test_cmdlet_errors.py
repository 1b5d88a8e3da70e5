"""What an error answer says, in each of the forms that others have met (docs/reference/exchange.md#errors)."""

import json
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.errors import (
    AlreadyExists,
    Call,
    ClientError,
    Forbidden,
    Invalid,
    NotCustomised,
    NotFound,
    Throttled,
    Unauthorised,
    Unreachable,
    Unreadable,
)
from clients.exchange.cmdlet_errors import Caller, Complaint, complaint_of, raise_for_cmdlet
from clients.http import Answer, Intent

CALLER = Caller(
    "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4", "the Exchange role 'Transport Rules'", "https://login.test/adminconsent"
)
NOT_FOUND = "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException"
NOT_FOUND_TEXT = "The operation couldn't be performed because object 'ExchangeDefender' couldn't be found on 'DC01'."
INVOKE = "Microsoft.Exchange.Management.PSDirectInvoke.DirectInvokeCmdletExecutionException"
PROXIED = (
    "Error on proxy command 'Set-X' to server DC01: Server version 15.20, Proxy method PSWS: "
    f'{{"error":{{"code":"NotFound","message":"Ex6F9304|{NOT_FOUND}|{NOT_FOUND_TEXT}"}}}}'
)


def answer(
    status: int, body: object = None, *, raw: bytes | None = None, intent: Intent = Intent.SET, **headers: str
) -> Answer:
    content = json.dumps(body).encode() if raw is None else raw
    named = httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return Answer(Call("POST", "/x", status), status, intent, named, content, datetime(2026, 8, 11, tzinfo=UTC))


def envelope(detail: object = None, **error: object) -> dict[str, object]:
    details = [] if detail is None else [{"code": "Client", "target": "", "message": detail}]
    return {"error": {"code": "NotFound", "message": "Error executing cmdlet", "details": details} | error}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            envelope(f"Ex6F9304|{NOT_FOUND}|{NOT_FOUND_TEXT}"), Complaint(NOT_FOUND, NOT_FOUND_TEXT), id="piped"
        ),
        pytest.param(envelope(f"|{NOT_FOUND}|a | b"), Complaint(NOT_FOUND, "a | b"), id="piped_without_id"),
        pytest.param(envelope("pick a|b c|d"), Complaint("", "pick a|b c|d"), id="pipes_that_part_no_type"),
        pytest.param(
            envelope(json.dumps({"Message": "It exists.", "TypeName": "Some.TypeException", "InnerError": None})),
            Complaint("Some.TypeException", "It exists."),
            id="detail_is_json",
        ),
        pytest.param(
            envelope(json.dumps({"ClassName": "Some.TypeException", "localizedString": "Es existiert."})),
            Complaint("Some.TypeException", "Es existiert."),
            id="detail_is_localised_json",
        ),
        pytest.param(
            envelope(innererror={"message": "inner", "internalexception": {"message": "deepest", "type": "A.B"}}),
            Complaint("A.B", "deepest"),
            id="no_details",
        ),
        pytest.param(
            envelope(
                innererror={
                    "message": "inner",
                    "internalexception": {"message": f"Exception of type '{INVOKE}' was thrown.", "type": INVOKE},
                }
            ),
            Complaint("", "inner"),
            id="useless_line_and_type_skipped",
        ),
        pytest.param(
            {"Error": {"InnerError": {"internalException": {"Message": "deepest", "Type": "A.B"}}}},
            Complaint("A.B", "deepest"),
            id="other_case_of_keys",
        ),
        pytest.param(envelope(), Complaint("", "Error executing cmdlet", by_cmdlet=False), id="generic_only"),
        pytest.param(envelope(PROXIED), Complaint(NOT_FOUND, NOT_FOUND_TEXT), id="proxied"),
        pytest.param(
            envelope(f"Ex1|Some.CmdletProxyException|{PROXIED}"),
            Complaint(NOT_FOUND, NOT_FOUND_TEXT),
            id="proxied_piped",
        ),
        pytest.param(
            envelope("Error on proxy command 'X': Some.InnerException happened"),
            Complaint("Some.InnerException", "Error on proxy command 'X': Some.InnerException happened"),
            id="proxied_name_only",
        ),
        pytest.param({"message": "odd"}, Complaint("", '{"message": "odd"}', by_cmdlet=False), id="no_envelope"),
    ],
)
def test_the_telling_text_and_type_are_found(body: object, expected: Complaint) -> None:
    assert complaint_of(answer(400, body)) == expected


def test_the_header_names_the_type_when_the_body_does_not() -> None:
    complaint = complaint_of(answer(503, raw=b"busy", X_ExceptionType="Some.TypeException"))

    assert complaint == Complaint("Some.TypeException", "busy")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=5)
            | st.sampled_from(["error", "details", "message", "innererror", "internalException", "type", "code"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(anything)
def test_any_json_is_a_complaint(body: object) -> None:
    complaint = complaint_of(answer(400, body))

    assert isinstance(complaint.text, str)
    assert isinstance(complaint.kind, str)


@given(st.binary() | st.sampled_from([b"[" * 100_000, b'{"error":' * 50_000]))
def test_any_bytes_are_a_complaint(raw: bytes) -> None:
    assert isinstance(complaint_of(answer(400, raw=raw)).text, str)


@given(anything)
def test_any_detail_is_a_complaint(detail: object) -> None:
    assert isinstance(complaint_of(answer(400, envelope(detail))).text, str)


@given(st.integers(min_value=300, max_value=599), anything)
def test_every_failed_status_is_an_error_of_ours(status: int, body: object) -> None:
    with pytest.raises(ClientError):
        raise_for_cmdlet(answer(status, body), CALLER)


DEHYDRATED = (
    "The command you tried to run isn't currently allowed in your organization. To run this command, you first need to "
    "run the command: Enable-OrganizationCustomization."
)
EXISTS = "Ex1|Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException|The object already exists."


@pytest.mark.parametrize(
    ("status", "detail", "error"),
    [
        pytest.param(404, f"Ex1|{NOT_FOUND}|x", NotFound, id="not_found"),
        pytest.param(400, f"Ex1|{NOT_FOUND}|x", NotFound, id="not_found_with_400"),
        pytest.param(400, NOT_FOUND_TEXT, NotFound, id="not_found_by_text"),
        pytest.param(404, "Ex1|X.ErrorRuleNotFoundException|There is no rule matching", NotFound, id="no_rule"),
        pytest.param(400, EXISTS, AlreadyExists, id="exists"),
        pytest.param(400, "Ex1|X.OtherException|The rule already exists.", AlreadyExists, id="exists_by_text"),
        pytest.param(
            400, f"Ex1|X.InvalidOperationInDehydratedContextException|{DEHYDRATED}", NotCustomised, id="dehydrated"
        ),
        pytest.param(400, DEHYDRATED, NotCustomised, id="dehydrated_by_text"),
        pytest.param(400, "Ex1|X.AmbiguousParameterSetException|Parameter set", Invalid, id="unknown_parameter"),
        pytest.param(400, "Ex1|X.ParameterTransformationException|Enforce, Audit", Invalid, id="bad_value"),
        pytest.param(
            400, "It is not present in the role definition of the current user", Forbidden, id="role_with_400"
        ),
        pytest.param(500, "Ex1|X.OddException|?", Unreachable, id="server_error"),
        pytest.param(401, "x", Unauthorised, id="unauthorised"),
    ],
)
def test_an_error_is_classed_by_type_then_text_then_status(status: int, detail: str, error: type[ClientError]) -> None:
    with pytest.raises(error) as raised:
        raise_for_cmdlet(answer(status, envelope(detail)), CALLER)

    assert type(raised.value) is error


TOO_MANY = "You have reached the maximum number of concurrent requests per tenant. Please wait and try again..."
PASSING = [
    pytest.param("Ex1|X.DCOverloadedException|busy", id="server_overloaded"),
    pytest.param("Ex1|X.ServerInMMException|maintenance", id="server_in_maintenance"),
    pytest.param("Ex1|X.StorageTransientException|a copy is behind", id="storage_in_passing"),
    pytest.param(TOO_MANY, id="too_many_at_once"),
]


@pytest.mark.parametrize("detail", PASSING)
@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_a_read_that_met_a_busy_server_comes_back_later(status: int, detail: str) -> None:
    with pytest.raises(Throttled):
        raise_for_cmdlet(answer(status, envelope(detail), intent=Intent.READ), CALLER)


@pytest.mark.parametrize("detail", PASSING)
@pytest.mark.parametrize("intent", [Intent.SET, Intent.CREATE])
def test_only_429_proves_that_a_write_was_not_done(intent: Intent, detail: str) -> None:
    for status in (400, 500, 503):
        with pytest.raises(Unreachable) as raised:
            raise_for_cmdlet(answer(status, envelope(detail), intent=intent), CALLER)
        assert raised.value.sent
    with pytest.raises(Throttled):
        raise_for_cmdlet(answer(429, envelope(detail), intent=intent), CALLER)


def test_the_throttle_text_alone_is_a_throttle() -> None:
    with pytest.raises(Throttled):
        raise_for_cmdlet(answer(400, raw=TOO_MANY.encode(), intent=Intent.READ), CALLER)


@pytest.mark.parametrize("raw", [b"", b"<html>no such path</html>", b'{"error": {"message": "Resource not found."}}'])
def test_a_404_that_no_cmdlet_gave_is_not_an_absent_object(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        raise_for_cmdlet(answer(404, raw=raw), CALLER)


def test_a_refusal_with_diagnostics_means_that_a_role_is_missing() -> None:
    with pytest.raises(Forbidden) as raised:
        raise_for_cmdlet(answer(403, raw=b"\0" * 4096, x_ms_diagnostics="2000003;reason=RBAC"), CALLER)

    assert "2000003;reason=RBAC" in raised.value.sentence
    assert raised.value.remedy == (
        "Assign the Exchange role 'Transport Rules' to the app's service principal in tenant 7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4,"
        " then wait minutes."
    )


def test_a_refusal_without_a_reason_may_only_need_time() -> None:
    with pytest.raises(Forbidden) as raised:
        raise_for_cmdlet(answer(403, raw=b"\0" * 4096), CALLER)

    assert "older than the grant" in raised.value.sentence
    assert raised.value.remedy.startswith("If the role was granted within the last hour, wait. Otherwise: Assign")


def test_a_refusal_by_name_says_what_was_refused() -> None:
    body = envelope("Ex1|X.CommandNotFoundException|The term 'Get-Odd' is not recognized")

    with pytest.raises(Forbidden) as raised:
        raise_for_cmdlet(answer(403, body), CALLER)

    assert "Get-Odd" in raised.value.sentence
    assert raised.value.kind == "X.CommandNotFoundException"


def test_an_unauthorised_call_names_where_to_consent() -> None:
    with pytest.raises(Unauthorised) as raised:
        raise_for_cmdlet(answer(401, raw=b""), CALLER)

    assert raised.value.remedy.endswith("https://login.test/adminconsent")


def test_a_dehydrated_tenant_names_the_command_to_run() -> None:
    with pytest.raises(NotCustomised) as raised:
        raise_for_cmdlet(answer(400, envelope(DEHYDRATED)), CALLER)

    assert raised.value.remedy.startswith("Run Enable-OrganizationCustomization in tenant")
