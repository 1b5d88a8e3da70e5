import base64
import logging
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients import secrets
from clients.errors import ClientError
from clients.secrets import SHORTEST, hide, masked

SECRET = "p/ss+wörd & 'more'\\"


@pytest.fixture(autouse=True)
def _known_only_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_values", set())
    monkeypatch.setattr(secrets, "_literals", [])


FORMS = {
    "as_it_is": SECRET,
    "in_an_address": quote(SECRET, safe=""),
    "in_a_form": quote_plus(SECRET),
    "in_base64": base64.b64encode(SECRET.encode()).decode(),
    "behind_a_user_in_base64": base64.b64encode(b"user:" + SECRET.encode()).decode(),
    "between_others_in_base64": base64.urlsafe_b64encode(b"ab" + SECRET.encode() + b"}").decode(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_a_secret_of_the_settings_is_in_no_error_and_in_no_log_line(
    form: str, caplog: pytest.LogCaptureFixture
) -> None:
    hide([SECRET])

    logging.getLogger("holdfast.x").warning("said %s and %s", form, ClientError(f"no such user {form}"))
    logging.getLogger("azure.x").warning("GET https://x.test/?key=%s", form)
    logging.getLogger("platform").error("failed", exc_info=ValueError(form))

    assert "<masked>" in caplog.text
    assert not any(part in caplog.text for part in (form, form[4:12], quote(SECRET[:9], safe=""), "ss+w", "'more'"))


@given(st.binary(min_size=SHORTEST, max_size=40), st.binary(max_size=7), st.binary(max_size=7), st.sampled_from([0, 1]))
def test_no_base64_around_a_secret_lets_it_through(secret: bytes, before: bytes, after: bytes, url_safe: int) -> None:
    text = secret.hex()
    hide([text])
    whole = before + text.encode() + after
    encoded = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(whole).decode()

    left = masked(encoded).replace("<masked>", "")

    assert len(left) <= len(base64.b64encode(before + after)) + 8


@given(st.text(max_size=SHORTEST - 1), st.text(max_size=40))
def test_a_short_value_masks_nothing(value: str, text: str) -> None:
    before = masked(text)
    hide([value])
    assert masked(text) == before
