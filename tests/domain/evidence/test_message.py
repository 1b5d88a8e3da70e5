"""The monthly message: its last line is what `holdfast ledger verify` takes."""

import json
from dataclasses import asdict

from domain.chain import Head, prove
from domain.evidence.message import is_monthly, monthly_text, monthly_title
from domain.ledger import Entry
from tests.domain.builders import NOW, TENANT_ID

PROOF = prove([Head("other", 2, "ab" * 32), Head(TENANT_ID, 1204, "cd" * 32)], TENANT_ID, "2026-12-01T03")


def entry(proof):
    return Entry(
        at=NOW,
        tenant_id=TENANT_ID,
        control="evidence-2026-11",
        event="evidence_made",
        detail="98.7% of\nit",
        after={"proof": proof},
    )


def test_it_carries_sequence_head_path_and_root():
    assert PROOF
    text = monthly_text(entry(json.loads(json.dumps(asdict(PROOF)))))
    assert "1204 entries" in text
    assert "cd" * 32 in text
    assert PROOF.root in text
    last = json.loads(text.splitlines()[-1])
    assert last == {"kind": "proof", **json.loads(json.dumps(asdict(PROOF)))}


def test_where_there_is_no_root_yet_it_says_what_was_made_on_one_line():
    assert monthly_text(entry(None)) == "The evidence of 2026-11 was made: 98.7% of\\u{a}it."


def test_its_cause_is_the_month():
    assert is_monthly("evidence-2026-11")
    assert not is_monthly("spf")
    assert monthly_title("evidence-2026-11", "Contoso") == "Mail protection of 2026-11 (Contoso)"
