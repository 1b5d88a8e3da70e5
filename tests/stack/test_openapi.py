"""The API does what its own OpenAPI document says, for whatever is sent to it."""

from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from clients import settings as environment
from devhost.stack import Stack, running
from handlers.api.app import application
from tests.test_function_app import SETTINGS

NEVER = "0 0 0 1 1 *"


async def nobody():
    raise AssertionError("the document asks no neighbour")


document = application(environment.load(SETTINGS), nobody).openapi()
schema = schemathesis.openapi.from_dict(document)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    quiet = {f"HOLDFAST_{lane}_SCHEDULE": NEVER for lane in ("FAST", "SLOW", "PSA", "ALERTS", "AUDIT")}
    quiet |= {"HOLDFAST_DEV_PORT": "0", "HOLDFAST_TICK_SCHEDULE": "* * * * * *"}  # health asks for the timer's last run
    with running(quiet, lambda _text: None) as running_stack:
        yield running_stack


# What no schema says: a config names the tenant of its path, an end lies in the future, a control is in the catalogue.
RULES_BEYOND_THE_SCHEMA = ["positive_data_acceptance"]


LONGEST_TARGET = 4000
"""Web servers refuse longer request lines by themselves, the dev host's and the platform's alike."""

OPERATIONS = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
CASES = {
    f"{mode.value} {operation.label}": (operation, mode)
    for mode in GenerationMode
    for operation in OPERATIONS
    # What takes nothing and asks for no key cannot be sent anything wrong.
    if mode is GenerationMode.POSITIVE or operation.label != "GET /health"
}


# Not schemathesis's own parametrisation: its tests share one name, of which parallel runs keep only one.
@pytest.mark.parametrize(("operation", "mode"), CASES.values(), ids=list(CASES))
def test_whatever_is_sent_is_answered_as_the_document_says(operation, mode, stack):
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def sends(case):
        assume(len(case.formatted_path + urlencode(case.query or {}, doseq=True)) < LONGEST_TARGET)
        case.call_and_validate(
            base_url=f"{stack.url}/api",
            headers={"x-functions-key": stack.key},
            excluded_checks=CHECKS.get_by_names(RULES_BEYOND_THE_SCHEMA),
        )

    sends()


def test_the_document_and_its_page_are_served(stack):
    served = stack.api.get("openapi.json")
    assert (served.json(), served.json()["openapi"]) == (document, "3.1.0")
    page = stack.api.get("docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "SwaggerUIBundle(" in page.text
    assert httpx.get(f"{stack.url}/api/docs").status_code == 401


def test_every_operation_has_its_errors_and_an_example_of_what_it_takes():
    for path in document["paths"].values():
        for operation in path.values():
            assert "503" in operation["responses"]
            if "requestBody" in operation:
                assert operation["requestBody"]["content"]["application/json"]["examples"]
