"""People sign in by the code flow, against Entra's simulated pages: PKCE, nonce, tenant and time are held to."""

from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from clients.entra.credentials import ClientSecret
from clients.entra.sign_in import SignIn, SignInRefused
from clients.http import Http
from simulator.people import CONSOLE_CLIENT, MSP_TENANT
from tests.handlers.conftest import fresh

BACK = "https://holdfast.example/api/console/signed-in"
LOGIN = "https://login.microsoftonline.com"
ADMIN = "ada.admin@msp.example"


@pytest.fixture
async def service(azurite_connection):
    async with fresh(azurite_connection) as service:
        yield service


@pytest.fixture
def web(service):
    return service.clients.web


@pytest.fixture
def sign_in(service, web):
    return SignIn(
        Http(web, now=service.clock),
        login=LOGIN,
        pages=LOGIN,
        tenant_id=MSP_TENANT,
        client_id=CONSOLE_CLIENT,
        credential=ClientSecret(service.world.client_secret),
        now=service.clock,
    )


async def come_back(web, url, login=ADMIN):
    """What Entra sends a browser back with that chose *login*."""
    chosen = f"{url}&login={login}" if login else url
    answer = await web.get(chosen)
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


async def test_who_signs_in_is_known_by_name_id_tenant_and_roles(sign_in, web):
    url, flow = await sign_in.begin(BACK, silent=False)
    claims = await sign_in.finish(flow, await come_back(web, url))
    assert (claims["preferred_username"], claims["tid"], claims["roles"]) == (ADMIN, MSP_TENANT, ["Holdfast.Admin"])


async def test_the_request_asks_for_a_code_by_s256_and_for_no_refresh_token(sign_in):
    url, _ = await sign_in.begin(BACK, silent=False)
    asked = {name: value for name, [value] in parse_qs(urlsplit(url).query).items()}
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert set(asked["scope"].split()) == {"openid", "profile"}
    assert {"state", "nonce", "code_challenge"} <= asked.keys()
    assert "prompt" not in asked


async def test_whom_entra_does_not_know_is_to_be_asked_after_a_silent_try(sign_in, web):
    url, flow = await sign_in.begin(BACK, silent=True)
    with pytest.raises(SignInRefused) as refused:
        await sign_in.finish(flow, await come_back(web, url, login=""))
    assert refused.value.silent


async def test_somebody_of_another_tenant_is_refused_whatever_their_roles(sign_in, web):
    url, flow = await sign_in.begin(BACK, silent=False)
    with pytest.raises(SignInRefused, match="another organisation"):
        await sign_in.finish(flow, await come_back(web, url, login="eve@other.example"))


async def test_an_answer_to_another_sign_in_is_refused(sign_in, web):
    url, _ = await sign_in.begin(BACK, silent=False)
    _, other = await sign_in.begin(BACK, silent=False)
    with pytest.raises(SignInRefused):
        await sign_in.finish(other, await come_back(web, url))


async def test_a_code_is_good_once(sign_in, web):
    url, flow = await sign_in.begin(BACK, silent=False)
    answer = await come_back(web, url)
    await sign_in.finish(dict(flow), answer)
    with pytest.raises(SignInRefused, match="AADSTS70008"):
        await sign_in.finish(flow, answer)


async def test_a_verifier_that_is_not_the_challenges_is_refused(sign_in, web):
    url, flow = await sign_in.begin(BACK, silent=False)
    with pytest.raises(SignInRefused, match="AADSTS70008"):
        await sign_in.finish(flow | {"code_verifier": "x" * 43}, await come_back(web, url))


async def test_a_token_with_another_nonce_or_for_another_client_is_refused(sign_in, web):
    url, flow = await sign_in.begin(BACK, silent=False)
    with pytest.raises(SignInRefused):
        await sign_in.finish(flow | {"nonce": "another"}, await come_back(web, url))


async def test_a_token_that_has_expired_is_refused(service, sign_in, web):
    url, flow = await sign_in.begin(BACK, silent=False)
    answer = await come_back(web, url)
    service.world.clock = lambda: service.clock() - timedelta(hours=2)
    with pytest.raises(SignInRefused, match="expired"):
        await sign_in.finish(flow, answer)


async def test_signing_out_leads_by_entra_and_back(sign_in, web):
    answer = await web.get(sign_in.sign_out_url("https://holdfast.example/api/console/signed-out"))
    assert answer.headers["location"] == "https://holdfast.example/api/console/signed-out"
