"""Tokens that callers show, checked against Entra's keys."""

import json
from functools import cache

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from clients.entra.callers_tokens import ASKED_AGAIN_AFTER, PAUSED, TokenRefused, Tokens
from clients.entra.clouds import ENDPOINTS
from clients.errors import ClientError

HOME = "0d9d3a5e-6f0b-4f0a-8f6e-2a2b8f5f9c11"
AUDIENCES = ("api://holdfast", "0b0f2d5e-6f0b-4f0a-8f6e-2a2b8f5f9c11")
LOGIN = "https://login.microsoftonline.com"


@cache
def key(_number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def published(*numbers: int) -> httpx.Response:
    keys = [json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key(n).public_key())) | {"kid": f"k{n}"} for n in numbers]
    return httpx.Response(200, json={"keys": keys})


@pytest.fixture
def keys(router):
    return router.get(f"{LOGIN}/{HOME}/discovery/v2.0/keys").mock(return_value=published(0))


@pytest.fixture
def tokens(http, clock):
    return Tokens(http, ENDPOINTS["global"], HOME, AUDIENCES, now=clock)


def token(clock, signer=0, *, lifetime_s=3600, **claims):
    now = int(clock().timestamp())
    good = {"iss": f"{LOGIN}/{HOME}/v2.0", "aud": AUDIENCES[0], "nbf": now, "exp": now + lifetime_s}
    good |= {"tid": HOME, "oid": "ann", "scp": "Holdfast.Use"}
    left = {name: value for name, value in (good | claims).items() if value is not None}
    return jwt.encode(left, key(signer), "RS256", headers={"kid": f"k{signer}"})


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": AUDIENCES[1]},
        {"iss": f"https://sts.windows.net/{HOME}/"},
        {"scp": "openid Holdfast.Use profile"},
        {"scp": None, "idtyp": "app"},
        {"tid": HOME.upper()},
    ],
)
async def test_a_good_token_says_who_calls(tokens, clock, claims):
    assert (await tokens.claims(token(clock, **claims)))["oid"] == "ann"


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"aud": "api://other"}, "another audience"),
        ({"aud": None}, "no access token"),
        ({"iss": f"{LOGIN}/7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4/v2.0"}, "another tenant"),
        ({"lifetime_s": -61}, "expired"),
        ({"exp": None}, "no access token"),
        ({"nbf": 9999999999}, "not valid yet"),
        ({"signer": 1}, "key that is not Entra's"),
        ({"scp": None}, "gives no access"),
        ({"scp": None, "idtyp": "user"}, "gives no access"),
        ({"scp": "User.Read Mail.Read"}, "not given for Holdfast.Use"),
        ({"scp": "User.Read", "idtyp": "app"}, "not given for Holdfast.Use"),
        ({"scp": "Holdfast.Use.Other"}, "not given for Holdfast.Use"),
        ({"tid": "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"}, "another tenant"),
        ({"tid": None}, "another tenant"),
        ({"oid": None}, "names nobody"),
        ({"oid": ["ann"]}, "names nobody"),
    ],
)
async def test_any_other_token_is_refused_without_repeating_it(tokens, clock, claims, why):
    shown = token(clock, **claims)
    with pytest.raises(TokenRefused, match=why) as caught:
        await tokens.claims(shown)
    assert shown not in str(caught.value)


@pytest.mark.usefixtures("keys")
async def test_a_signature_of_somebody_else_under_entras_key_id_is_refused(tokens, clock):
    head, body, _ = token(clock).split(".")
    with pytest.raises(TokenRefused, match="signature"):
        await tokens.claims(f"{head}.{body}.{token(clock, oid='eve').split('.')[2]}")


async def test_a_new_key_is_asked_for_once_a_minute_however_many_name_one(tokens, clock, keys):
    await tokens.claims(token(clock))
    keys.mock(return_value=published(0, 1))
    for _ in range(5):
        with pytest.raises(TokenRefused):
            await tokens.claims(token(clock, 1))
    assert keys.call_count == 1
    clock.advance(seconds=ASKED_AGAIN_AFTER.total_seconds())
    assert (await tokens.claims(token(clock, 1)))["oid"] == "ann"
    assert keys.call_count == 2


async def test_known_keys_serve_while_entra_cannot_be_asked(tokens, clock, keys):
    await tokens.claims(token(clock))
    keys.mock(return_value=httpx.Response(404))
    clock.advance(days=1)
    assert (await tokens.claims(token(clock)))["oid"] == "ann"


async def test_while_there_are_no_keys_entra_is_left_alone_for_a_few_seconds(tokens, clock, keys):
    keys.mock(return_value=httpx.Response(404))
    for _ in range(3):
        with pytest.raises(ClientError):
            await tokens.claims(token(clock))
    assert keys.call_count == 1
    clock.advance(seconds=PAUSED.total_seconds())
    keys.mock(return_value=published(0))
    assert (await tokens.claims(token(clock)))["oid"] == "ann"
