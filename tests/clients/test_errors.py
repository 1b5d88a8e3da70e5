import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.errors import EXCERPT_LENGTH, Call, ClientError, Refused, Throttled, excerpt

JWT = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL291dGxvb2sifQ.c2lnbmF0dXJl-_x"
CLIENT_SECRET = "abc8Q~" + "xYz.0_~-" * 4


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"Authorization: Bearer {JWT}", id="bearer_jwt"),
        pytest.param("Authorization: bearer 0.opaque-token+/=", id="bearer_opaque"),
        pytest.param("Authorization: Basic dXNlcjpzM2NyZXQ=", id="basic"),
        pytest.param(f"the token {JWT} is expired", id="bare_jwt"),
        pytest.param("grant_type=x&client_secret=s3cret-value&scope=y", id="secret_in_a_form"),
        pytest.param(f"client_assertion={JWT}", id="assertion_in_a_form"),
        pytest.param('{"access_token": "opaque-value", "expires_in": 1}', id="token_in_json"),
        pytest.param('{"client_secret":"s3cret-value"}', id="secret_in_json"),
        pytest.param(f"the secret {CLIENT_SECRET} is wrong", id="bare_client_secret"),
        pytest.param("https://x.test/a?sig=s3cret-value", id="signed_address"),
    ],
)
def test_secrets_are_masked_in_every_message(text: str) -> None:
    secrets = (JWT, "0.opaque-token", "dXNlcjpzM2NyZXQ", "s3cret-value", "opaque-value", CLIENT_SECRET)

    message = str(ClientError(text, call=Call("POST", "/token", 400)))

    assert not any(secret in message for secret in secrets)
    assert "<masked>" in message or "<token>" in message


@given(before=st.text(max_size=300), after=st.text(max_size=300), label=st.sampled_from(["Bearer ", "", "id_token="]))
def test_no_text_around_a_token_lets_any_part_of_it_through(before: str, after: str, label: str) -> None:
    head, payload, signature = JWT.split(".")

    shown = excerpt(f"{before}{label}{JWT} {after}")

    assert not any(part[:12] in shown for part in (head, payload, signature))


@given(st.text(max_size=2000))
def test_an_excerpt_is_one_short_printable_line(text: str) -> None:
    shown = excerpt(text)

    assert len(shown) <= EXCERPT_LENGTH
    assert shown.isprintable()


def test_a_plain_reason_is_shown_as_it_is() -> None:
    reason = "The operation couldn't be performed because object 'ExchangeDefender' couldn't be found on 'DC01'."

    assert excerpt(reason) == reason


def test_a_message_names_method_path_status_and_request_id() -> None:
    error = Refused("no", call=Call("POST", "/adminapi/x", 403, "5a0f0c8e"), remedy="grant it")

    assert str(error) == "POST /adminapi/x -> 403 (request-id 5a0f0c8e): no"
    assert error.status == 403


def test_a_silent_refusal_says_that_no_reason_was_given() -> None:
    assert str(Throttled("", call=Call("GET", "/x", 429))) == "GET /x -> 429: no reason given"
