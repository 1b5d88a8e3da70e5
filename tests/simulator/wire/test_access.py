import base64
import json

import pytest

from simulator.wire.tokens import sign
from tests.simulator.conftest import COMPLIANCE, EXCHANGE, Caller, Clock, command

EXCHANGE_CHALLENGE = 'Bearer client_id="00000002-0000-0ff1-ce00-000000000000"'
COMPLIANCE_CHALLENGE = 'Bearer client_id="00000007-0000-0ff1-ce00-000000000000"'


async def test_without_a_token_the_challenge_offers_basic(caller: Caller) -> None:
    answer = await caller.http.post(caller.url(), json=command("Get-AcceptedDomain"))

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


async def test_garbage_is_challenged_on_exchange_and_crashes_compliance(caller: Caller) -> None:
    caller.tokens = {EXCHANGE: "garbage", COMPLIANCE: "garbage"}

    exchange, compliance = await caller.run("Get-AcceptedDomain"), await caller.compliance("Get-ProtectionAlert")

    assert exchange.status_code == 401
    assert exchange.headers["WWW-Authenticate"].startswith(EXCHANGE_CHALLENGE)
    assert compliance.status_code == 500
    assert "WWW-Authenticate" not in compliance.headers


async def test_a_well_formed_foreign_token_is_challenged_on_both(caller: Caller) -> None:
    head, body, _ = sign({"aud": "https://graph.microsoft.com"}).split(".")
    caller.tokens = dict.fromkeys((EXCHANGE, COMPLIANCE), f"{head}.{body}.c2lnbmF0dXJl")

    exchange, compliance = await caller.run("Get-AcceptedDomain"), await caller.compliance("Get-ProtectionAlert")

    assert exchange.headers["WWW-Authenticate"].startswith(EXCHANGE_CHALLENGE)
    assert (compliance.status_code, compliance.headers["WWW-Authenticate"].startswith(COMPLIANCE_CHALLENGE)) == (
        401,
        True,
    )


async def test_a_token_for_the_other_service_is_refused(caller: Caller) -> None:
    caller.tokens[EXCHANGE] = await caller.token(COMPLIANCE)

    assert (await caller.run("Get-AcceptedDomain")).status_code == 401


async def test_a_token_of_another_tenant_is_refused(caller: Caller, fresh: Caller) -> None:
    caller.tokens[EXCHANGE] = await fresh.token(EXCHANGE)

    assert (await caller.run("Get-AcceptedDomain")).status_code == 401


async def test_a_token_ends_when_its_time_is_over(caller: Caller, clock: Clock) -> None:
    assert (await caller.run("Get-AcceptedDomain")).status_code == 200

    clock.forward(3600)

    assert (await caller.run("Get-AcceptedDomain")).status_code == 401


async def test_expired_by_hand_only_new_tokens_work(caller: Caller) -> None:
    await caller.run("Get-AcceptedDomain")
    caller.tenant.expire_tokens()
    assert (await caller.run("Get-AcceptedDomain")).status_code == 401

    caller.tokens.clear()

    assert (await caller.run("Get-AcceptedDomain")).status_code == 200


async def test_a_claims_challenge_is_answered_by_a_token_asked_for_with_it(caller: Caller) -> None:
    await caller.run("Get-AcceptedDomain")
    caller.tenant.demand_claims()

    refused = await caller.run("Get-AcceptedDomain")
    challenge = refused.headers["WWW-Authenticate"]
    claims = base64.b64decode(challenge.partition('claims="')[2].partition('"')[0]).decode()
    caller.tokens[EXCHANGE] = (await caller.sign_in(claims=claims)).json()["access_token"]

    assert refused.status_code == 401
    assert "access_token" in json.loads(claims)
    assert (await caller.run("Get-AcceptedDomain")).status_code == 200


async def test_without_the_app_role_it_is_401(caller: Caller) -> None:
    caller.tenant.access.app_roles = {"compliance"}

    assert (await caller.run("Get-AcceptedDomain")).status_code == 401


async def test_without_a_directory_role_it_is_403_of_nul_bytes(caller: Caller) -> None:
    caller.tenant.access.directory_roles = set()

    answer = await caller.run("Get-AcceptedDomain")

    assert answer.status_code == 403
    assert answer.content == b"\0" * 4096
    assert answer.headers["Content-Type"].startswith("application/json")
    assert "request-id" in answer.headers


async def test_a_grant_takes_effect_with_the_next_token_only(caller: Caller) -> None:
    caller.tenant.access.directory_roles = set()
    await caller.run("Get-AcceptedDomain")

    caller.tenant.access.directory_roles = {"Exchange Administrator"}
    assert (await caller.run("Get-AcceptedDomain")).status_code == 403
    caller.tokens.clear()

    assert (await caller.run("Get-AcceptedDomain")).status_code == 200


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("Global Administrator", [200, 200, 200, 200]),
        ("Exchange Administrator", [200, 200, 200, 200]),
        ("Global Reader", [200, 200, 403, 403]),
        ("Security Reader", [200, 403, 403, 403]),
        ("Security Administrator", [200, 403, 403, 200]),
        ("Exchange Recipient Administrator", [403, 403, 403, 403]),
    ],
)
async def test_a_role_opens_what_it_opens_on_exchange(caller: Caller, role: str, expected: list[int]) -> None:
    caller.tenant.access.directory_roles = {role}
    ids = [row["Identity"] for row in caller.tenant.admin("Get-TenantAllowBlockListSpoofItems")]
    policy = "Office365 AntiPhish Default"

    answers = [
        await caller.run("Get-AntiPhishPolicy"),
        await caller.run("Get-InboundConnector"),
        await caller.run("Set-AntiPhishPolicy", Identity=policy, EnableSpoofIntelligence=True),
        await caller.run("Remove-TenantAllowBlockListSpoofItems", Identity="Default", Ids=ids, Confirm=False),
    ]

    assert [answer.status_code for answer in answers] == expected


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("View-Only Configuration", [200, 200, 403, 403]),
        ("Security Reader", [403, 200, 403, 403]),
        ("Transport Hygiene", [403, 403, 200, 403]),
        ("Security Admin", [403, 403, 200, 403]),
        ("Transport Rules", [403, 403, 403, 200]),
        ("Organization Configuration", [403, 403, 403, 403]),
    ],
)
async def test_an_exchange_role_lets_its_own_cmdlets_run_and_no_others(
    caller: Caller, role: str, expected: list[int]
) -> None:
    caller.tenant.access.directory_roles = set()
    caller.tenant.exchange_roles = {role}
    rule = "Send Automatic Replies to connector Automatic Replies"

    answers = [
        await caller.run("Get-TransportRule"),
        await caller.run("Get-AntiPhishPolicy"),
        await caller.run("Set-AntiPhishPolicy", Identity="Office365 AntiPhish Default", EnableSpoofIntelligence=True),
        await caller.run("Disable-TransportRule", Identity=rule, Confirm=False),
    ]

    assert [answer.status_code for answer in answers] == expected


async def test_the_tenant_tells_which_roles_have_a_cmdlet_and_which_the_application_has(caller: Caller) -> None:
    caller.tenant.access.directory_roles = set()
    caller.tenant.exchange_roles = {"View-Only Configuration", "Transport Rules"}

    having = await caller.run("Get-ManagementRole", Cmdlet="Set-AntiPhishPolicy")
    held = await caller.run("Get-ManagementRoleAssignment", RoleAssignee="an object id")

    assert [row["Name"] for row in having.json()["value"]] == ["Security Admin", "Transport Hygiene"]
    assert [row["Role"] for row in held.json()["value"]] == ["Transport Rules", "View-Only Configuration"]


@pytest.mark.parametrize(
    ("role", "read", "write"),
    [
        ("Exchange Administrator", 403, 403),
        ("Compliance Administrator", 200, 200),
        ("Security Administrator", 200, 200),
        ("Global Reader", 200, 403),
    ],
)
async def test_a_role_opens_what_it_opens_on_compliance(caller: Caller, role: str, read: int, write: int) -> None:
    caller.tenant.access.directory_roles = {role}
    name = "Phish delivered due to an ETR override"

    assert (await caller.compliance("Get-ProtectionAlert")).status_code == read
    assert (await caller.compliance("Set-ProtectionAlert", Identity=name, Disabled=False)).status_code == write
