"""Pruning in two runs: first an export and a checkpoint, then, once a root has it, what it stands for is deleted."""

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import respx
from typer.testing import CliRunner

from cli.main import app
from domain import chain
from domain.chain import Head, Linked, Place

URL, TABLES = "http://holdfast.example", "https://account.table.core.windows.net?sig=x"
TENANT = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
NOW = datetime.now(UTC)


class Service:
    """A service with one chain, whose entries are of *ages* days ago; deletions reach its rows."""

    def __init__(self, *ages: int) -> None:
        self.rows: list[Linked] = []
        for age in ages:
            self.add({"event": "held", "at": (NOW - timedelta(days=age)).isoformat()})
        self.anchored = 0

    def add(self, fields):
        tail = self.rows[-1].link.place if self.rows else Place()
        entry = {"tenant_id": TENANT, "id": f"{9999 - tail.sequence}-held-spf", **fields}
        self.rows.append(Linked(chain.link(TENANT, tail, entry), entry))

    def page(self, request):
        rows = self.rows if request.url.params["after"] == "0" else []
        last = self.rows[-1].link
        links = [{**asdict(row.link), "entry": row.entry} for row in rows]
        head = {"ledger": TENANT, "sequence": last.sequence, "hash": last.hash}
        return httpx.Response(200, json={"ledger": TENANT, "head": head, "links": links, "unlinked": []})

    def proof(self, _):
        place = next((row.link.place for row in self.rows if row.link.sequence == self.anchored), None)
        if place is None:
            return httpx.Response(404, json={"detail": "none"})
        proof = chain.prove([Head(TENANT, place.sequence, place.hash)], TENANT, "2026-11-29T11")
        assert proof
        return httpx.Response(200, json=asdict(proof))

    def checkpoint(self, request):
        self.add({"event": "checkpoint", "at": NOW.isoformat(), "after": json.loads(request.content)})
        return httpx.Response(201, json={"id": "x", "sequence": self.rows[-1].link.sequence})

    def delete(self, request):
        key = re.findall(r"RowKey='([^']+)'", request.url.path)[0]
        self.rows = [row for row in self.rows if key != f"s{row.link.sequence:012d}"]
        return httpx.Response(204)


@pytest.fixture
def pruned(tmp_path):
    with respx.mock(assert_all_called=False) as router:

        def run(service, **tables):
            router.clear()
            api = f"{URL}/api/chains"
            router.get(api).respond(json=[{"ledger": TENANT}])
            router.get(f"{api}/{TENANT}").mock(side_effect=service.page)
            router.get(f"{api}/{TENANT}/proof").mock(side_effect=service.proof)
            router.post(f"{api}/{TENANT}/exports").respond(201, json={"id": "x", "sequence": 1})
            router.post(f"{api}/{TENANT}/checkpoints").mock(side_effect=service.checkpoint)
            deletes = router.delete(host="account.table.core.windows.net")
            deletes.mock(side_effect=None if tables else service.delete)
            if tables:
                deletes.respond(**tables)
            command = ["--url", URL, "--key", "k", "--json", "ledger", "prune", str(tmp_path), "--tables", TABLES]
            answer = CliRunner().invoke(app, command)
            found = json.loads(answer.stdout)[0] if answer.stdout.startswith("[") else {}
            return answer.exit_code, found.get("result"), found.get("entries"), answer.exception

        yield run


def test_what_is_old_is_exported_first_and_deleted_only_once_a_root_has_the_checkpoint(pruned, tmp_path):
    service = Service(500, 450, 10, 5)
    assert pruned(service)[:3] == (0, "checkpoint", 2)
    assert len(service.rows) == 5
    [export] = tmp_path.iterdir()
    assert len(export.read_text().splitlines()) == 3
    service.anchored = 4  # a root from before the checkpoint
    assert pruned(service)[:3] == (0, "waits for the next hourly root", 2)
    service.anchored = 5
    assert pruned(service)[:3] == (0, "deleted", 2)
    assert [row.link.sequence for row in service.rows] == [3, 4, 5]
    assert pruned(service)[:3] == (0, "nothing", 0)


def test_an_export_that_was_lost_before_it_was_kept_is_written_again_and_deleted_by_the_run_after(pruned, tmp_path):
    service = Service(500, 450, 10)
    pruned(service)
    service.anchored = 4
    [export] = tmp_path.iterdir()
    lost = export.read_bytes()
    export.unlink()
    assert pruned(service)[:3] == (0, "exported again", 2)
    assert (len(service.rows), [file.read_bytes() for file in tmp_path.iterdir()]) == (4, [lost])
    assert pruned(service)[:3] == (0, "deleted", 2)


def test_a_damaged_export_is_written_again_beside_it(pruned, tmp_path):
    service = Service(500, 10)
    pruned(service)
    service.anchored = 3
    [export] = tmp_path.iterdir()
    export.write_bytes(export.read_bytes()[:-9])
    assert pruned(service)[:2] == (0, "exported again")
    assert len(list(tmp_path.iterdir())) == 2
    assert pruned(service)[:2] == (0, "deleted")


def test_without_its_export_nothing_more_is_deleted_of_what_is_half_deleted(pruned, tmp_path):
    service = Service(500, 450, 10)
    pruned(service)
    service.anchored = 4
    del service.rows[0]
    next(tmp_path.iterdir()).unlink()
    assert pruned(service)[:2] == (1, f"its export is not in {tmp_path}")
    assert (len(service.rows), list(tmp_path.iterdir())) == (3, [])


def test_a_chain_that_went_on_after_a_restore_is_pruned_by_age_as_every_other(pruned):
    service = Service(500, 450, 10)
    service.add(
        {"event": "checkpoint", "at": NOW.isoformat(), "after": asdict(service.rows[2].link.place) | {"backup": "ab"}}
    )
    service.anchored = 4
    assert pruned(service)[:3] == (0, "checkpoint", 2)
    service.anchored = 5
    assert pruned(service)[:3] == (0, "deleted", 2)


def test_a_bad_chain_is_named_and_left_alone(pruned):
    service = Service(500, 450, 10)
    service.rows[1] = Linked(service.rows[1].link, {**(service.rows[1].entry or {}), "event": "forged"})
    code, result, *_ = pruned(service)
    assert (code, result[:11]) == (1, "bad: edited")


def test_a_run_that_died_half_way_is_finished_by_the_next(pruned):
    service = Service(500, 450, 10)
    pruned(service)
    service.anchored = 4
    service.rows[0] = Linked(service.rows[0].link, None)  # its entry is deleted, its link is there
    assert pruned(service)[:3] == (0, "deleted", 2)


def test_a_table_that_refuses_ends_the_run(pruned):
    service = Service(500, 10)
    pruned(service)
    service.anchored = 3
    assert "refused to delete" in str(pruned(service, status_code=403)[3])


def test_a_checkpoint_that_is_under_no_root_lets_no_chain_begin_after_it():
    service = Service(500, 10)
    service.add({"event": "checkpoint", "after": asdict(service.rows[0].link.place)})
    rest, newest = service.rows[1:], service.rows[-1].link
    proof = chain.prove([Head(TENANT, newest.sequence, newest.hash)], TENANT, "2026-11-29T11")
    assert proof
    assert chain.verify(TENANT, rest) is None
    assert chain.verify_beginning(rest, [proof]) is None
    fault = chain.verify_beginning(rest, [])
    assert fault
    assert (fault.sequence, fault.why) == (3, "the checkpoint is under no hourly root that was given")
    assert chain.verify_beginning(service.rows, []) is None
    assert chain.verify_beginning([], []) is None
