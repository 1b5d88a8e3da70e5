"""`holdfast backup` and `restore`: one file; a dry run reads it and asks no service."""

import json

import httpx
import pytest
import respx
from typer.testing import CliRunner

from cli.api import Failure
from cli.main import app
from domain import chain
from domain.chain import Place

URL = "http://holdfast.example"
TENANT = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"


def rows():
    entry = {"tenant_id": TENANT, "id": "9999-held-spf", "event": "held"}
    link = chain.link(TENANT, Place(), entry)
    stored = {
        "PartitionKey": TENANT,
        "RowKey": "s000000000001",
        "previous": "",
        "hash": link.hash,
        "entry": entry["id"],
    }
    return {
        "tenants": [{"PartitionKey": "tenant", "RowKey": f"t{number}"} for number in range(501)],
        "ledger": [{"PartitionKey": TENANT, "RowKey": entry["id"], "body0": json.dumps(entry)}, stored],
        "heads": [{"PartitionKey": "head", "RowKey": TENANT, "sequence": 1, "hash": link.hash}],
    }


@pytest.fixture
def service():
    kept = rows()

    def page(request):
        table = request.url.path.rpartition("/")[2]
        found = [r for r in kept.get(table, []) if r["RowKey"] > request.url.params["row"]]
        found.sort(key=lambda r: r["RowKey"])
        return httpx.Response(200, json={"table": table, "rows": found[:500]})

    with respx.mock(assert_all_called=False) as router:
        router.get(url__startswith=f"{URL}/api/backup/").mock(side_effect=page)
        router.post(f"{URL}/api/restore/begin").respond(204)
        router.post(f"{URL}/api/restore/rows").respond(json={"written": 1})
        router.post(f"{URL}/api/restore/end").respond(json={"chains": 1, "tenants": 501})
        yield router


def run(*words):
    return CliRunner().invoke(app, ["--url", URL, "--key", "k", "--json", *map(str, words)])


def test_a_backup_has_every_row_and_comes_back_whole(service, tmp_path):
    file = tmp_path / "backup.jsonl"
    made = json.loads(run("backup", file).stdout)
    assert (made["rows"]["tenants"], made["rows"]["ledger"], made["rows"]["heads"]) == (501, 2, 1)
    asked = len(service.calls)
    dry = json.loads(run("restore", file, "--dry-run").stdout)
    assert (dry["rows"], len(service.calls)) == (made["rows"], asked)
    assert json.loads(run("restore", file).stdout) == {"chains": 1, "tenants": 501}
    sent = [json.loads(call.request.content or b"{}") for call in service.calls[asked:]]
    assert [(each["table"], len(each["rows"])) for each in sent if "rows" in each] == [
        ("ledger", 2),
        ("heads", 1),
        ("tenants", 500),
        ("tenants", 1),
    ]
    assert sent[-1] == {"export": made["sha256"]}


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("forged", ["nonsense", '{"table": "tenants"}'])
def test_a_file_that_is_no_backup_is_named(tmp_path, forged):
    file = tmp_path / "backup.jsonl"
    file.write_text(forged)
    answer = run("restore", file, "--dry-run")
    assert isinstance(answer.exception, Failure)
    assert str(answer.exception).endswith(":1: is no line of a backup")


def test_a_backup_whose_chain_was_changed_is_refused(service, tmp_path):
    file = tmp_path / "backup.jsonl"
    run("backup", file)
    file.write_text(file.read_text().replace('held\\"}', 'forged\\"}'))
    answer = run("restore", file)
    assert "the chain of 7b1f6a3e" in str(answer.exception)
    assert not [call for call in service.calls if call.request.method == "POST"]
