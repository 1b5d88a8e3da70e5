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


OTHER = "8c2e7b4f-63d5-4e1f-8d2b-3f9e72b1e0c5"


class Tables:
    """What the service has stored."""

    def __init__(self):
        self.rows = {"tenants": [{"PartitionKey": "tenant", "RowKey": f"t{number:03d}"} for number in range(501)]}
        self.rows |= {"ledger": [], "heads": []}
        self.places = {}
        self.between = None

    def append(self, ledger=TENANT, **properties):
        """An entry, its link, and the head after them."""
        before = self.places.get(ledger, Place())
        entry = {"tenant_id": ledger, "id": f"{9999 - before.sequence}-held-spf", "event": "held"}
        link = chain.link(ledger, before, entry)
        place = {"sequence": link.sequence} | properties
        linked = {"RowKey": f"s{link.sequence:012d}", "previous": link.previous, "hash": link.hash, "entry": link.id}
        self.rows["ledger"] += [
            {"PartitionKey": ledger, "RowKey": link.id, "body0": json.dumps(entry)} | place,
            {"PartitionKey": ledger} | linked,
        ]
        self.places[ledger] = link.place
        heads = [row for row in self.rows["heads"] if row["RowKey"] != ledger]
        head = {"PartitionKey": "head", "RowKey": ledger, "sequence": link.sequence, "hash": link.hash}
        self.rows["heads"] = [*heads, head]

    def page(self, request):
        table, asked = request.url.path.rpartition("/")[2], request.url.params
        after = asked["partition"], asked["row"]
        if after[0] and self.between and table == "ledger":
            self.between()
        found = sorted(self.rows.get(table, []), key=_key)
        return httpx.Response(200, json={"table": table, "rows": [row for row in found if _key(row) > after][:500]})


def _key(row):
    return row["PartitionKey"], row["RowKey"]


@pytest.fixture
def tables():
    kept = Tables()
    kept.append()
    return kept


@pytest.fixture
def service(tables):
    with respx.mock(assert_all_called=False) as router:
        router.get(url__startswith=f"{URL}/api/backup/").mock(side_effect=tables.page)
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
def test_what_is_added_while_a_backup_is_read_is_not_in_it(tables, tmp_path):
    for _ in range(300):
        tables.append()

    def ticks():  # an entry of a chain that is half read, and the first of one that had not begun
        tables.append()
        tables.append(OTHER)

    tables.between = ticks
    made = run("backup", tmp_path / "backup")
    assert (made.exit_code, json.loads(made.stdout)["rows"]["ledger"]) == (0, 2 * 301)
    dry = run("restore", tmp_path / "backup", "--dry-run")
    assert (dry.exit_code, json.loads(dry.stdout)["rows"]["heads"]) == (0, 1)


@pytest.mark.usefixtures("service")
def test_entries_from_before_there_were_chains_are_backed_up_without_a_link(tables, tmp_path):
    entry = {"PartitionKey": OTHER, "RowKey": "9999-held-spf", "body0": json.dumps({"tenant_id": OTHER})}
    tables.rows["ledger"].append(entry)
    made = run("backup", tmp_path / "backup")
    assert (made.exit_code, json.loads(made.stdout)["rows"]["ledger"]) == (0, 3)


@pytest.mark.usefixtures("service")
def test_a_backup_that_no_restore_takes_is_told_at_once(tables, tmp_path):
    tables.append()
    tables.append(OTHER)
    tables.rows["ledger"] = [row for row in tables.rows["ledger"] if row["RowKey"] != "9999-held-spf"]
    made = run("backup", tmp_path / "backup")
    assert isinstance(made.exception, Failure)
    gone = "is bad at 1: removed: the link is there, the entry is not"
    both = f"the chain of {TENANT} {gone}; the chain of {OTHER} {gone}"
    assert str(made.exception) == f"{tmp_path / 'backup'}: no restore takes this backup: {both}"
    assert not made.stdout


@pytest.mark.usefixtures("service")
def test_a_chain_that_is_gone_whole_is_told_by_its_head(tables, tmp_path):
    tables.rows["ledger"] = []
    made = run("backup", tmp_path / "backup")
    assert str(made.exception).endswith("truncated: the chain ends at 0, the head says 1")


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
