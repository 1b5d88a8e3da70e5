"""Files of tenants: what can be read is handed on as it is, what cannot is named before anything is sent."""

import json

import pytest

from cli import files
from cli.api import Failure

ROW = {"tenant_id": "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4", "name": "Northwind"}


def test_a_json_list_is_handed_on_as_it_is(tmp_path):
    file = tmp_path / "tenants.json"
    file.write_text(json.dumps([ROW | {"freeze": []}]), "utf-8")
    assert files.tenants(file) == [ROW | {"freeze": []}]


def test_an_empty_cell_is_a_field_that_is_not_given(tmp_path):
    file = tmp_path / "tenants.CSV"
    file.write_text(f"tenant_id, name ,mode,enabled\n{ROW['tenant_id']}, Northwind ,,FALSE\n", "utf-8")
    assert files.tenants(file) == [ROW | {"enabled": False}]


UNREADABLE = {
    "other_ending": ("tenants.xlsx", b"", "should end in .json or .csv"),
    "not_text": ("tenants.csv", b"\xff\xfe", "cannot be read"),
    "not_json": ("tenants.json", b"{", "is not JSON"),
    "no_list": ("tenants.json", b'{"tenant_id": "x"}', "a list of tenant configs"),
    "no_objects": ("tenants.json", b"[1]", "a list of tenant configs"),
    "unknown_column": ("tenants.csv", b"tenant,name\n", "no column 'tenant'"),
    "too_many_values": ("tenants.csv", b"tenant_id,name\na,b\na,b,c\n", "line 3"),
    "empty": ("tenants.csv", b"", "there is no tenant in it"),
    "heading_only": ("tenants.csv", b"tenant_id,name\n", "there is no tenant in it"),
    "empty_list": ("tenants.json", b"[]", "there is no tenant in it"),
    "unsure": ("tenants.csv", b"tenant_id,enabled\na,perhaps\n", "line 2: enabled"),
}


@pytest.mark.parametrize(("name", "content", "said"), UNREADABLE.values(), ids=list(UNREADABLE))
def test_what_cannot_be_read_is_named(tmp_path, name, content, said):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(Failure, match=said) as failure:
        files.tenants(file)
    assert failure.value.code == 2
