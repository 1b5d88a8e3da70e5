"""`holdfast key new` makes a key whose entry the service takes, and shows the key once; it asks no service."""

import json
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from typer.testing import CliRunner

from cli.api import Failure
from cli.main import app
from domain.access import ApiKey


def new(*words: str) -> tuple[str, ApiKey]:
    answer = CliRunner().invoke(app, ["--json", "key", "new", *words])
    assert answer.exit_code == 0, answer.output
    made = json.loads(answer.output)
    return made["key"], ApiKey.model_validate_json(json.dumps(made["entry"]))


def test_the_entry_is_one_that_the_setting_takes_and_does_not_hold_the_key():
    key, entry = new("nightly", "--role", "Reader", "--role", "Operator", "--until", "2027-06-30")
    assert (entry.name, entry.roles) == ("nightly", ("Reader", "Operator"))
    assert entry.until == datetime(2027, 6, 30, tzinfo=UTC)
    assert entry.sha256 == sha256(key.encode()).hexdigest()
    assert len(key) >= 43


def test_each_key_is_another_one_and_without_an_end_it_has_none():
    (one, first), (other, _) = new("a", "--role", "Admin"), new("a", "--role", "Admin")
    assert one != other
    assert first.until is None


@pytest.mark.parametrize("words", [["a"], ["a", "--role", "Root"], []], ids=str)
def test_a_key_has_a_name_and_a_role_that_exists(words):
    assert CliRunner().invoke(app, ["key", "new", *words]).exit_code == 2


@pytest.mark.parametrize("name", ["", "night shift", ".hidden", "dev", "ä", "a" * 65, "a\n"])
def test_a_name_that_the_setting_would_refuse_makes_no_key(name):
    refused = CliRunner().invoke(app, ["key", "new", name, "--role", "Reader"])
    assert (refused.exit_code, refused.output) == (1, "")
    assert isinstance(refused.exception, Failure)
    assert refused.exception.code == 2


def test_people_are_shown_the_key_and_its_entry():
    shown = CliRunner().invoke(app, ["key", "new", "a", "--role", "Reader"]).output
    assert shown.startswith("key    ")
    assert '"roles": ["Reader"]' in shown
