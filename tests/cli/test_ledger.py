"""`holdfast ledger verify` against each forgery, from files alone and from a service; and the export that it takes."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx
from typer.testing import CliRunner

from cli.api import Failure
from cli.chains import Chain, chosen
from cli.main import app
from domain import chain
from domain.chain import Head, Linked, Place

URL = "http://holdfast.example"
CONTOSO, OTHER = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4", "0e0f3c2b-8a5d-4a67-9d0e-6a4c1f2b3d4e"


def made(ledger=CONTOSO, details=("a", "b", "c", "d")) -> Chain:
    tail, rows = Place(), list[Linked]()
    for number, detail in enumerate(details):
        entry: dict[str, Any] = {
            "tenant_id": ledger,
            "id": f"{9999 - number}-held-spf",
            "event": "held",
            "detail": detail,
        }
        rows.append(Linked(chain.link(ledger, tail, entry), entry))
        tail = rows[-1].link.place
    head = Head(ledger, tail.sequence, tail.hash)
    proof = chain.prove([Head(OTHER, 7, "ab"), head], ledger, "2026-11-29T11")
    assert proof
    return Chain(ledger, rows, head, set(), [proof])


def edited(lines):
    lines[2]["entry"]["detail"] = "forged"


def removed(lines):
    del lines[2]


def reordered(lines):
    lines[2]["sequence"], lines[3]["sequence"] = lines[3]["sequence"], lines[2]["sequence"]


def inserted(lines):
    lines[0]["unlinked"] = ["9000-held-spf"]


def truncated(lines):
    del lines[4]


def swapped(lines):
    for line in lines[1:5]:
        line["entry"]["tenant_id"] = OTHER


def head_replaced(lines):
    lines[0]["head"]["hash"] = "00"


def rewritten(lines):
    forged = list(made(details=("a", "b", "c", "forged")).lines())
    lines[:5] = forged[:5]


FORGERIES = [
    (edited, 2, "edited"),
    (removed, 3, "removed or reordered"),
    (reordered, 2, "the entry before is not the one"),
    (inserted, 0, "inserted"),
    (truncated, 3, "truncated"),
    (swapped, 1, "of another tenant"),
    (head_replaced, 4, "the head is of another chain"),
    (rewritten, 4, "the root of 2026-11-29T11 is of another chain"),
]


def ledger(*words):
    return CliRunner().invoke(app, ["--json", "--url", URL, "--key", "k", "ledger", *map(str, words)])


def write(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def plain(found: Chain) -> list[Any]:
    lines: list[Any] = json.loads(json.dumps(list(found.lines())))
    return lines


@respx.mock
def test_files_alone_verify_without_any_service(tmp_path):
    answer = ledger("verify", "--from-export", write(tmp_path / "export", plain(made())))
    [result] = json.loads(answer.stdout)
    assert (answer.exit_code, result["result"], result["entries"], result["sequence"]) == (0, "ok", 4, 4)
    assert result["root"] == f"2026-11-29T11 {made().proofs[0].root}"


@pytest.mark.parametrize(("forge", "sequence", "why"), FORGERIES, ids=[each[0].__name__ for each in FORGERIES])
def test_the_first_entry_that_a_forgery_touched_is_named(tmp_path, forge, sequence, why):
    lines = plain(made())
    forge(lines)
    answer = ledger("verify", "--from-export", write(tmp_path / "export", lines))
    [result] = json.loads(answer.stdout)
    assert (answer.exit_code, result["result"], result["sequence"]) == (1, "bad", sequence)
    assert result["detail"].startswith(why)


def test_a_message_shows_that_the_chain_was_rewritten_with_its_roots(tmp_path):
    """Whoever rewrote the export made a new proof too; the customer has the one of the month before."""
    message = tmp_path / "message"
    proof = {"kind": "proof", **asdict(made().proofs[0])}
    message.write_text(f"Your ledger this month:\n\n{json.dumps(proof)}\n\nKeep this message.\n")
    forged = write(tmp_path / "export", plain(made(details=("a", "b", "c", "forged"))))
    assert ledger("verify", "--from-export", message).exit_code == 0
    answer = ledger("verify", "--from-export", forged, "--from-export", message)
    [result] = json.loads(answer.stdout)
    assert (answer.exit_code, result["sequence"]) == (1, 4)


def test_a_message_that_a_mail_program_has_wrapped_and_quoted_verifies_all_the_same(tmp_path):
    line = json.dumps({"kind": "proof", **asdict(made().proofs[0])})
    wrapped = "\n".join(f"> {line[at : at + 76]}" for at in range(0, len(line), 76))
    message = tmp_path / "message"
    message.write_text(f"> Keep this message.\n{wrapped}\n> --\n> Northwind\n")
    assert ledger("verify", "--from-export", message).exit_code == 0


def test_pages_that_were_pruned_are_given_in_any_order_and_what_two_files_have_alike_counts_once(tmp_path):
    found = made()
    message = write(tmp_path / "message", [{"kind": "proof", **asdict(made(details=("a",)).proofs[0])}])
    pruned = write(tmp_path / "pruned", plain(found.part(found.rows[:2])))
    left = write(tmp_path / "left", plain(Chain(CONTOSO, found.rows[1:], found.head)))
    files = [word for file in (message, left, pruned) for word in ("--from-export", file)]
    answer = ledger("verify", *files)
    [result] = json.loads(answer.stdout)
    assert (answer.exit_code, result["result"], result["entries"]) == (0, "ok", 4)
    cut = write(tmp_path / "cut", plain(Chain(CONTOSO, found.rows[:3], found.head)))
    [result] = json.loads(ledger("verify", "--from-export", cut, "--from-export", pruned).stdout)
    assert result["detail"].startswith("truncated: the chain ends at 3, the head says 4")


@pytest.mark.parametrize("text", ["no line", '{"kind": "link", "ledger": "x"}', '{"kind": "proof", "head": {}}'])
def test_a_file_that_is_no_export_makes_no_sense(tmp_path, text):
    file = tmp_path / "export"
    file.write_text(text)
    answer = ledger("verify", "--from-export", file)
    assert isinstance(answer.exception, Failure)
    assert answer.exception.code == 2


@pytest.fixture
def service():
    """A service whose chains are two, one without a root yet."""
    with respx.mock(base_url=f"{URL}/api", assert_all_called=False) as router:
        found = {CONTOSO: made(), "service": made("service", ("x",))}
        tenants = [{"tenant_id": CONTOSO, "name": "Contoso", "initial_domain": "contoso.onmicrosoft.com"}]
        router.get("/tenants").mock(httpx.Response(200, json=tenants))
        router.get("/chains").mock(
            httpx.Response(200, json=[asdict(each.head) for each in found.values() if each.head])
        )
        for each in found.values():
            head, *links = [line for line in plain(each) if line["kind"] != "proof"]
            page = {"ledger": each.ledger, "head": head["head"], "links": links, "unlinked": []}
            router.get(f"/chains/{each.ledger}").mock(httpx.Response(200, json=page))
        router.get("/roots").mock(httpx.Response(200, json=["2026-11-28T23", "2026-11-29T11"]))
        for hour in ("2026-11-28T23", "2026-11-29T11"):
            root = {"hour": hour, "root": "ab", "heads": [asdict(made().proofs[0].head)]}
            router.get(f"/roots/{hour}").mock(httpx.Response(200, json=root))
        router.get(f"/chains/{CONTOSO}/proof").mock(httpx.Response(200, json=asdict(made().proofs[0])))
        router.get("/chains/service/proof").mock(httpx.Response(404, json={"detail": "no root yet"}))
        router.post(f"/chains/{CONTOSO}/exports").mock(httpx.Response(201, json={"id": "e", "sequence": 9}))
        yield router


@pytest.mark.usefixtures("service")
def test_every_chain_of_a_service_is_verified_or_the_one_that_is_named():
    every, one = ledger("verify"), ledger("verify", "--tenant", "contoso")
    assert {each["ledger"]: each["root"][:13] for each in json.loads(every.stdout)} == {
        CONTOSO: "2026-11-29T11",
        "service": "none",
    }
    assert [each["ledger"] for each in json.loads(one.stdout)] == [CONTOSO]
    assert every.exit_code == one.exit_code == 0


def test_an_export_is_noted_and_verifies(service, tmp_path):
    told = json.loads(ledger("export", "Contoso", tmp_path / "file").stdout)
    assert json.loads(service.routes[-1].calls.last.request.content) == {"export": told["sha256"]}
    assert ledger("verify", "--from-export", tmp_path / "file").exit_code == 0


def test_verify_takes_every_root_of_a_week_and_one_of_each_day_before_or_all_of_them(service):
    start = datetime(2025, 1, 1, tzinfo=UTC)
    hours = [f"{start + timedelta(hours=each):%Y-%m-%dT%H}" for each in range(24 * 600)]
    taken = chosen(reversed(hours))
    assert taken[-168:] == hours[-168:]
    assert {hour[-2:] for hour in taken[:-168]} == {"23"}
    assert len(taken) == len(set(taken)) == 668
    assert chosen([]) == []
    hours = [f"2026-11-{day:02}T{hour:02}" for day in range(20, 29) for hour in (0, 23)]
    service.get("/roots").mock(httpx.Response(200, json=hours))
    service.get(path__regex=r"/roots/.+").mock(httpx.Response(200, json={"hour": "", "root": "", "heads": []}))
    for words, asked in ((("verify",), len(hours) - 2), (("verify", "--every-root"), len(hours))):
        before = service.calls.call_count
        assert ledger(*words).exit_code == 0
        calls = list(service.calls)[before:]
        assert len([call for call in calls if "/roots/" in str(call.request.url)]) == asked


@pytest.mark.usefixtures("service")
def test_people_are_shown_a_table():
    shown = CliRunner().invoke(app, ["--url", URL, "--key", "k", "ledger", "verify", "--tenant", "service"])
    assert shown.exit_code == 0
    assert "ok" in shown.stdout
