"""A customer's administrator who has consented lands on a page that says so."""

import pytest

from tests.handlers.web import ask


async def test_who_has_consented_reads_that_it_is_done(service):
    query = "admin_consent=True&tenant=7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4&state=x"
    answer = await ask(service, "GET", f"console/consented?{query}", key=None)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert b"<h1>Done</h1>" in answer.get_body()


@pytest.mark.parametrize("query", ["", "error=access_denied&error_description=no", "admin_consent=False"])
async def test_who_has_not_reads_that(service, query):
    answer = await ask(service, "GET", f"console/consented?{query}", key=None)
    assert answer.status_code == 200
    assert b"No consent was given" in answer.get_body()


@pytest.mark.parametrize("name", ["error", "error_description", "tenant", "state", "admin_consent"])
async def test_nothing_that_a_link_says_speaks_on_our_page(service, name):
    """An attack: a link to our own page, with somebody else's words in it."""
    answer = await ask(service, "GET", f"console/consented?{name}=%3Cscript%3Ealert(1)%3C/script%3E call us", key=None)
    assert b"script" not in answer.get_body()
    assert b"call us" not in answer.get_body()
    assert "default-src 'none'" in answer.headers["content-security-policy"]
