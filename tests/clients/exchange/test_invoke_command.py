import json
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.errors import Call, Unreadable
from clients.exchange.invoke_command import Applied, Command, Target, encoded, page_of
from clients.http import Answer, Intent

TARGET = Target("exchange", "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4", "scope", "APP:anchor", "https://login.test/consent")
CALL = Call("POST", "/x", 200)
NOW = datetime(2026, 8, 11, 14, 2, 37, tzinfo=UTC)


def answer(content: bytes, status: int = 200) -> Answer:
    return Answer(CALL, status, Intent.SET, httpx.Headers(), content, NOW)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(("a", "b"), '["a","b"]', id="tuple"),
        pytest.param((), "[]", id="empty_tuple"),
        pytest.param(None, "null", id="none"),
        pytest.param(False, "false", id="bool"),
        pytest.param(2048, "2048", id="int"),
        pytest.param("Enforce", '"Enforce"', id="text"),
        pytest.param(NOW, '"2026-08-11T14:02:37.0000000Z"', id="utc"),
        pytest.param(
            datetime(2026, 8, 11, 16, 2, 37, 123456, tzinfo=timezone(timedelta(hours=2))),
            '"2026-08-11T14:02:37.1234560Z"',
            id="another_zone",
        ),
    ],
)
def test_parameters_are_written_as_the_service_reads_them(value: object, text: str) -> None:
    assert encoded({"Value": value}) == f'{{"Value":{text}}}'.encode()


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        encoded({"Value": NOW.replace(tzinfo=None)})


def test_a_value_without_a_form_on_the_wire_is_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        encoded({"Value": {"a"}})


@pytest.mark.parametrize(
    ("cmdlet", "intent"),
    [
        ("Get-TransportRule", Intent.READ),
        ("New-TransportRule", Intent.CREATE),
        ("Set-TransportRule", Intent.SET),
        ("Enable-TransportRule", Intent.SET),
        ("Remove-TransportRule", Intent.SET),
    ],
)
def test_a_cmdlets_verb_tells_what_it_leaves_behind(cmdlet: str, intent: Intent) -> None:
    assert Command(TARGET, cmdlet, {}).intent is intent


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="no_body"),
        pytest.param(b" \r\n", id="blank_body"),
        pytest.param(b"null", id="null"),
        pytest.param(b"{}", id="no_value"),
        pytest.param(b'{"value": null}', id="value_null"),
        pytest.param(b'{"value": []}', id="value_empty"),
    ],
)
def test_a_write_that_returns_nothing_is_a_success(content: bytes) -> None:
    assert Command(TARGET, "Set-X", {}).applied(answer(content)) == Applied()
    assert Command(TARGET, "Set-X", {}).applied(answer(b"", status=204)) == Applied()


def test_a_write_gives_back_its_object_and_its_warnings() -> None:
    body = {"@adminapi.warnings": ["nothing changed"], "value": [{"Guid@odata.type": "#Guid", "Guid": "1"}]}

    assert Command(TARGET, "New-X", {}).applied(answer(json.dumps(body).encode())) == Applied(
        ("nothing changed",), ({"Guid": "1"},)
    )


def test_a_success_that_carries_errors_is_not_one() -> None:
    with pytest.raises(Unreadable, match="carries errors"):
        Command(TARGET, "Set-X", {}).applied(answer(b'{"value": [], "@adminapi.errors": ["no"]}'))


def test_annotations_are_stripped_at_every_depth() -> None:
    body = {
        "value": [
            {
                "Names@odata.type": "#Collection(String)",
                "Names": ["a@b.example"],
                "Entry": {"@odata.type": "#X", "Date": None, "List": [{"Y@data.type": "Z", "Y": 1}]},
            }
        ]
    }

    assert page_of(body, CALL, NOW).rows == ({"Names": ["a@b.example"], "Entry": {"Date": None, "List": [{"Y": 1}]}},)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="no_value"),
        pytest.param({"value": None}, id="value_null"),
        pytest.param({"value": {}}, id="value_object"),
        pytest.param({"value": ["text"]}, id="rows_of_text"),
        pytest.param([], id="list"),
        pytest.param(None, id="null"),
        pytest.param({"value": [], "@adminapi.errors": ["no"]}, id="errors"),
        pytest.param({"value": [], "@odata.nextLink": 7}, id="odd_link"),
    ],
)
def test_an_odd_page_proves_nothing(body: object) -> None:
    with pytest.raises(Unreadable):
        page_of(body, CALL, NOW)


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.text())))
def test_properties_without_annotations_come_back_as_they_are(row: dict[str, object]) -> None:
    wanted = {key: value for key, value in row.items() if "@" not in key}

    assert page_of({"value": [row]}, CALL, NOW).rows == (wanted,)
