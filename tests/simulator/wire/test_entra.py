from typing import Any

import httpx
import pytest

from simulator.faults import Fault
from simulator.tenant import Tenant
from simulator.wire.tokens import claims_of, sign
from tests.simulator.conftest import COMPLIANCE, EXCHANGE, Caller

LOGIN = "https://login.microsoftonline.com"


def assertion(audience: str) -> dict[str, str]:
    return {
        "client_secret": "",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": sign({"aud": audience}),
    }


def claims(answer: httpx.Response) -> dict[str, Any]:
    return dict(claims_of(answer.json()["access_token"]) or {})


async def test_a_token_says_what_was_granted_when_it_was_issued(caller: Caller) -> None:
    caller.tenant.access.directory_roles = {"Exchange Administrator"}

    answer = await caller.sign_in()
    caller.tenant.access.directory_roles = set()

    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["expires_in"] == 3599
    found = claims(answer)
    assert found["aud"] == "https://outlook.office365.com"
    assert found["tid"] == caller.tenant.tenant_id
    assert found["roles"] == ["Exchange.ManageAsApp"]
    assert found["wids"] == ["29232cdf-9323-42fd-ade2-1d097af3e4de"]
    assert found["exp"] - found["iat"] == 3599


async def test_each_scope_gets_its_own_audience(caller: Caller) -> None:
    assert claims(await caller.sign_in(COMPLIANCE))["aud"] == "https://ps.compliance.protection.outlook.com"


async def test_a_client_assertion_is_as_good_as_a_secret(caller: Caller) -> None:
    form = assertion(f"{LOGIN}/{caller.tenant.tenant_id}/oauth2/v2.0/token")

    assert (await caller.sign_in(**form)).status_code == 200


async def test_a_managed_identity_token_is_an_assertion_too(caller: Caller) -> None:
    assert (await caller.sign_in(**assertion("api://AzureADTokenExchange"))).status_code == 200


@pytest.mark.parametrize(
    ("form", "status", "number"),
    [
        pytest.param({"client_secret": "wrong"}, 401, 7000215, id="bad secret"),
        pytest.param({"client_id": "00000000-0000-0000-0000-000000000000"}, 400, 700016, id="unknown application"),
        pytest.param(
            assertion("https://login.microsoftonline.us/x/v2.0"), 401, 700023, id="assertion for another cloud"
        ),
        pytest.param({"scope": "https://outlook.office365.com"}, 400, 70011, id="not a default scope"),
        pytest.param({"scope": "https://vault.example/.default"}, 400, 500011, id="unknown resource"),
        pytest.param({"grant_type": "password"}, 400, 70003, id="another grant"),
        pytest.param({"client_secret": ""}, 401, 7000216, id="no credential"),
    ],
)
async def test_a_bad_token_request_is_refused_as_entra_refuses(
    caller: Caller, form: dict[str, str], status: int, number: int
) -> None:
    answer = await caller.sign_in(**form)

    assert answer.status_code == status
    assert answer.json()["error_codes"] == [number]
    assert answer.json()["error_description"].startswith(f"AADSTS{number}: ")
    assert {"error", "trace_id", "correlation_id", "timestamp"} <= answer.json().keys()


async def test_an_application_without_consent_is_not_in_the_tenant(caller: Caller) -> None:
    caller.tenant.access.consented = False

    assert (await caller.sign_in()).json()["error_codes"] == [700016]


@pytest.mark.parametrize("number", [65001, 650051, 700236, 5000224])
async def test_a_switch_makes_sign_in_fail_for_another_reason(caller: Caller, number: int) -> None:
    caller.tenant.switches.sign_in_error = number

    assert (await caller.sign_in()).json()["error_codes"] == [number]


async def test_without_its_service_principal_compliance_gives_no_token(caller: Caller) -> None:
    caller.tenant.switches.compliance_principal = False

    assert (await caller.sign_in(COMPLIANCE)).json()["error_codes"] == [500011]
    assert (await caller.sign_in(EXCHANGE)).status_code == 200


async def test_an_unknown_tenant_has_no_token_and_no_metadata(http: httpx.AsyncClient) -> None:
    token = await http.post(f"{LOGIN}/nobody.example/oauth2/v2.0/token", data={"grant_type": "client_credentials"})
    metadata = await http.get(f"{LOGIN}/nobody.example/v2.0/.well-known/openid-configuration")

    assert (token.status_code, token.json()["error_codes"]) == (400, [90002])
    assert (metadata.status_code, metadata.json()["error_codes"]) == (400, [90002])


async def test_discovery_names_the_token_endpoint_on_the_same_base(http: httpx.AsyncClient, tenant: Tenant) -> None:
    answer = await http.get(f"{LOGIN}/northwindlegal.example/v2.0/.well-known/openid-configuration")

    assert answer.json()["token_endpoint"] == f"{LOGIN}/{tenant.tenant_id}/oauth2/v2.0/token"


async def test_sign_in_can_be_throttled(caller: Caller) -> None:
    caller.tenant.faults.script(Fault("throttled", service="login", retry_after=7))

    assert (await caller.sign_in()).headers["Retry-After"] == "7"
    assert (await caller.sign_in()).status_code == 200
