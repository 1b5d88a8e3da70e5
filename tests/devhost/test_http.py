"""HTTP functions are called, and their answers given, as on the platform."""

import json
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import httpx
import pytest

from tests.devhost.processes import Sample


def test_a_function_sees_the_request_as_the_platform_sends_it(sample: Sample) -> None:
    answer = httpx.put(f"{sample.url}/api/things/12?tag=a&tag=b&empty=", content="körper")

    seen = answer.json()
    assert (seen["id"], seen["body"]) == ("12", "körper")
    assert seen["url"] == f"{sample.url}/api/things/12?tag=a&tag=b&empty="
    assert seen["params"] == {"tag": "a,b"}
    assert seen["headers"]["content-length"] == "7"


def test_status_headers_and_body_of_a_response_arrive(sample: Sample) -> None:
    answer = httpx.get(f"{sample.url}/api/things/1")

    assert answer.status_code == 201
    assert (answer.headers["content-type"], answer.headers["x-made"]) == ("application/json", "yes")


def test_a_function_may_answer_with_text(sample: Sample) -> None:
    answer = httpx.get(f"{sample.url}/api/files/a/b")

    assert (answer.status_code, answer.text) == (200, "path files/a/b")


def test_header_names_arrive_in_lower_case(sample: Sample) -> None:
    # http.client sends names as they are written; httpx does not.
    address = urlsplit(sample.url)
    with closing(HTTPConnection(address.hostname or "", address.port)) as connection:
        connection.request("GET", "/api/things/1", headers={"X-Some-Header": "yes"})
        seen = json.load(connection.getresponse())

    assert seen["headers"]["x-some-header"] == "yes"


@pytest.mark.parametrize("path", ["/things/1", "/nothing", "/apis"])
def test_what_is_not_below_the_prefix_is_not_found(sample: Sample, path: str) -> None:
    assert httpx.get(sample.url + path).status_code == 404


@pytest.mark.parametrize("headers", [{}, {b"x-functions-key": b"wrong"}, {b"x-functions-key": b"wr\xf6ng"}])
def test_without_the_master_key_nothing_is_fired_by_hand(sample: Sample, headers: dict[bytes, bytes]) -> None:
    answer = httpx.post(f"{sample.url}/admin/functions/nightly", headers=headers)

    assert (answer.status_code, answer.content) == (401, b"")


def test_a_cookie_is_set(sample: Sample) -> None:
    answer = httpx.get(f"{sample.url}/api/cookie")

    assert answer.headers["set-cookie"] == "method=GET; HttpOnly; Max-Age=60; Path=/"


@pytest.mark.parametrize("function", ["raises", "returns_a_dict"])
def test_a_function_that_fails_is_a_server_error_without_details(sample: Sample, function: str) -> None:
    answer = httpx.get(f"{sample.url}/api/{function}")

    assert (answer.status_code, answer.content) == (500, b"")


def test_a_timer_is_fired_by_hand(sample: Sample) -> None:
    answer = httpx.post(
        f"{sample.url}/admin/functions/nightly", json={"input": ""}, headers={"x-functions-key": sample.key}
    )

    assert answer.status_code == 202
    assert sample.sees("nightly")[0]["past_due"] is False


def test_a_queue_function_is_fired_by_hand_with_the_input_as_its_message(sample: Sample) -> None:
    answer = httpx.post(
        f"{sample.url}/admin/functions/work_in_a_thread",
        json={"input": "by hand"},
        headers={"x-functions-key": sample.key},
    )

    assert answer.status_code == 202
    assert "by hand" in [seen["body"] for seen in sample.sees("work_in_a_thread")]


@pytest.mark.parametrize(
    ("function", "body", "status"), [("nothing", "{}", 404), ("nightly", "{", 400), ("nightly", '{"input": 1}', 400)]
)
def test_what_cannot_be_fired_by_hand_is_refused(sample: Sample, function: str, body: str, status: int) -> None:
    answer = httpx.post(
        f"{sample.url}/admin/functions/{function}", content=body, headers={"x-functions-key": sample.key}
    )

    assert answer.status_code == status


def test_prometheus_can_read_what_the_app_measures(sample: Sample) -> None:
    answer = httpx.get(f"{sample.url}/metrics")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert "# TYPE python_info gauge" in answer.text
