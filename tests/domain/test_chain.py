"""Laws of the chain: what was written verifies, and each forgery is found at the first entry that it touched."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import rfc8785
from hypothesis import assume, given
from hypothesis import strategies as st

from domain import chain
from domain.chain import Head, Link, Linked, Place

LEDGER = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=3,
)
bodies = st.lists(json_values, min_size=2, max_size=5)
hashes = st.integers().map(lambda n: sha256(str(n).encode()).hexdigest())
heads = st.lists(
    st.builds(Head, st.uuids().map(str), st.integers(1, 2**40), hashes), min_size=1, max_size=9, unique_by=str
)


def entry(number: int, detail: Any, ledger: str = LEDGER) -> dict[str, Any]:
    return {"tenant_id": ledger, "id": f"{10**16 - number}-held-spf", "event": "held", "detail": detail}


def chained(entries: list[dict[str, Any]], ledger: str = LEDGER) -> list[Linked]:
    rows, tail = list[Linked](), Place()
    for each in entries:
        rows.append(Linked(chain.link(ledger, tail, each), each))
        tail = rows[-1].link.place
    return rows


def whole(details: list[Any], ledger: str = LEDGER) -> list[Linked]:
    return chained([entry(number, detail, ledger) for number, detail in enumerate(details)], ledger)


def head_of(rows: list[Linked], ledger: str = LEDGER) -> Head:
    return Head(ledger, rows[-1].link.sequence, rows[-1].link.hash)


def at(rows: list[Linked], **forged: Any) -> tuple[int, str]:
    fault = chain.verify(LEDGER, rows, **forged)
    assert fault is not None
    return fault.sequence, fault.why.split(":")[0]


def test_the_hash_is_that_of_the_canonical_json_of_place_and_entry():
    first = entry(1, "é", LEDGER)
    made = chain.link(LEDGER, Place(4, "ab"), first)
    canonical = rfc8785.dumps({"entry": first, "ledger": LEDGER, "previous": "ab", "sequence": 5})
    assert made == Link(5, "ab", sha256(canonical).hexdigest(), first["id"])


@given(bodies)
def test_what_was_written_verifies_whether_or_not_the_head_has_followed(details):
    rows = whole(details)
    assert chain.verify(LEDGER, rows, head=head_of(rows)) is None
    assert chain.verify(LEDGER, rows, head=head_of(rows[:-1])) is None
    assert chain.verify(LEDGER, rows, head=Head(LEDGER, 0, "")) is None
    assert chain.verify(LEDGER, rows) is None


def test_a_ledger_in_which_nothing_happened_verifies():
    assert chain.verify(LEDGER, []) is None


@given(bodies, st.data())
def test_an_edited_entry_is_named(details, data):
    rows = whole(details)
    place = data.draw(st.integers(0, len(rows) - 1))
    forged = {**(rows[place].entry or {}), "detail": "forged"}
    assume(rfc8785.dumps(forged["detail"]) != rfc8785.dumps(_as_read(details[place])))
    rows[place] = replace(rows[place], entry=forged)
    assert at(rows, head=head_of(rows)) == (place + 1, "edited")


def _as_read(value: Any) -> Any:
    return value if isinstance(value, str) else None


@given(bodies, st.data())
def test_an_edited_entry_that_was_linked_anew_breaks_the_next_link(details, data):
    rows, place = whole(details), data.draw(st.integers(0, len(details) - 2))
    forged = {**entry(place, details[place]), "event": "corrected"}
    rows[place] = Linked(chain.link(LEDGER, Place(place, rows[place].link.previous), forged), forged)
    assert at(rows) == (place + 2, "the entry before is not the one that this one was linked to")


@given(bodies, st.data())
def test_a_removed_entry_is_named_with_and_without_its_link(details, data):
    rows, place = whole(details), data.draw(st.integers(0, len(details) - 2))
    gone = [*rows[:place], replace(rows[place], entry=None), *rows[place + 1 :]]
    assert at(gone) == (place + 1, "removed")
    del gone[place]
    assert at(gone) == (place + 2, "removed or reordered" if place else "removed")


@given(bodies, st.data())
def test_two_entries_that_changed_places_are_named(details, data):
    rows, place = whole(details), data.draw(st.integers(0, len(details) - 2))
    one, other = rows[place], rows[place + 1]
    entries_only = [*rows[:place], replace(one, entry=other.entry), replace(other, entry=one.entry), *rows[place + 2 :]]
    assert at(entries_only) == (place + 1, "edited")
    with_links = [*rows[:place], other, one, *rows[place + 2 :]]
    assert at(with_links) == (place + 2, "removed") if place == 0 else at(with_links)[1] == "removed or reordered"


@given(bodies)
def test_an_inserted_entry_is_named(details):
    rows = whole(details)
    fault = chain.verify(LEDGER, rows, unlinked=["5-held-spf", "4-held-spf"])
    assert fault is not None
    assert (fault.sequence, fault.id, fault.why.split(":")[0]) == (0, "4-held-spf", "inserted")


@given(bodies, st.data())
def test_a_tail_that_was_cut_off_is_named(details, data):
    rows = whole(details)
    left = rows[: data.draw(st.integers(0, len(rows) - 1))]
    assert at(left, head=head_of(rows)) == (len(left), "truncated")


@given(bodies)
def test_the_entries_of_another_tenant_are_named(details):
    other = "11111111-52c4-4d0e-9c1a-2f8e61d0a9b4"
    assert at(whole(details, other)) == (1, "of another tenant")
    relabelled = [replace(row, entry={**(row.entry or {}), "tenant_id": LEDGER}) for row in whole(details, other)]
    assert at(relabelled) == (1, "edited")


@given(bodies)
def test_a_replaced_head_is_named(details):
    rows = whole(details)
    fault = chain.verify(LEDGER, rows, head=Head(LEDGER, len(rows), "00"))
    assert fault is not None
    assert fault.sequence == len(rows)
    assert "the head is of another chain" in fault.why


@given(bodies, heads)
def test_a_chain_that_was_rewritten_whole_verifies_by_itself_and_is_shown_by_the_root(details, others):
    rows = whole(details)
    proof = chain.prove([*others, head_of(rows)], LEDGER, "2026-11-29T11")
    assert proof is not None
    forged = whole([*details[:-1], ["forged", details[-1]]])
    assert chain.verify(LEDGER, forged, head=head_of(forged)) is None
    assert chain.verify_proof(proof, rows) is None
    fault = chain.verify_proof(proof, forged)
    assert fault is not None
    assert "the root of 2026-11-29T11 is of another chain" in fault.why
    shortened = chain.verify_proof(proof, rows[:-1])
    assert shortened is not None
    assert shortened.why.startswith("truncated")


@given(bodies, st.data())
def test_a_chain_begins_at_a_checkpoint_that_one_of_its_entries_names(details, data):
    before = whole(details)
    place = before[data.draw(st.integers(0, len(before) - 1))].link.place
    kept = {"sequence": place.sequence, "hash": place.hash}
    checkpoint = entry(99, "") | {"event": "checkpoint", "after": kept}
    rows = chained([*(dict(row.entry or {}) for row in before), checkpoint, entry(100, "later")])
    proof = proof_of(before)
    for first in range(place.sequence + 1):
        assert chain.verify(LEDGER, rows[first:], head=head_of(rows)) is None
        assert chain.verify_proof(proof, rows[first:]) is None
    assert at(rows[place.sequence + 1 :]) == (place.sequence + 2, "removed")
    lied = chained([*(dict(row.entry or {}) for row in before), checkpoint | {"after": kept | {"hash": "00"}}])
    assert at(lied[max(1, place.sequence) :])[1] == "removed"


@given(bodies)
def test_a_chain_that_was_rewritten_to_begin_just_after_a_root_is_shown_by_it(details):
    before = whole(details)
    message = proof_of(before)
    named = Place(len(before), "00" * 32)
    forged = begun_after(named)
    assert chain.verify(LEDGER, forged, head=head_of(forged)) is None
    fault = chain.verify_proof(message, forged)
    assert fault is not None
    assert (fault.sequence, fault.why.partition(":")[0]) == (
        len(before),
        "the root of 2026-11-29T11 is of another chain",
    )
    true = begun_after(before[-1].link.place)
    assert chain.verify_proof(message, true) is None


@given(bodies)
def test_a_root_from_below_the_beginning_asks_for_the_pages_before(details):
    rows = whole(details)
    message = proof_of(rows[:-1])
    left = begun_after(rows[-1].link.place)
    fault = chain.verify_proof(message, left)
    assert fault is not None
    assert (fault.sequence, fault.id) == (left[0].link.sequence, left[0].link.id)
    assert fault.why == "begins after the root of 2026-11-29T11: give the exported pages too"
    assert chain.verify_proof(message, [*rows, *left]) is None


def test_a_chain_that_went_on_after_a_restore_may_not_begin_there():
    before = [entry(number, "") for number in range(3)]
    last = chained(before)[-1].link.place
    after = {"sequence": last.sequence, "hash": last.hash, "backup": "ab"}
    rows = chained([*before, entry(3, "") | {"event": "checkpoint", "after": after}])
    assert chain.verify(LEDGER, rows, head=head_of(rows)) is None
    assert at(rows[3:]) == (4, "removed")
    assert chain.checkpoint(rows) is None


def test_earlier_roots_show_a_chain_that_was_rewritten_or_cut_since():
    rows, forged = whole(["a", "b", "c"]), whole(["a", "x", "c"])
    roots = {"2026-11-28T23": head_of(rows[:1]), "2026-11-29T11": head_of(rows[:2]), "2026-11-29T12": head_of(forged)}
    fault = chain.verify_roots(forged, roots)
    assert fault is not None
    assert (fault.sequence, fault.why.partition(":")[0]) == (2, "the root of 2026-11-29T11 is of another chain")
    for left in ([], rows[:1]):
        cut = chain.verify_roots(left, {"2026-11-29T11": head_of(rows[:2])})
        assert cut is not None
        assert cut.why.startswith(f"truncated: the chain ends at {len(left)}")
    assert chain.verify_roots(rows, {"2026-11-28T23": head_of(rows[:1]), "2026-11-29T11": head_of(rows)}) is None
    assert chain.verify_roots(rows, {}) is None


@given(st.integers(1, 59), st.integers(61, 400))
def test_a_root_from_below_the_beginning_is_older_than_what_is_pruned(younger, older):
    """The roots say when the checkpoint came, not the entries, in which a forger writes what he likes."""
    left = begun_after(whole(["a", "b", "c"])[-1].link.place)
    below, known = head_of(whole(["a"])), head_of(left)
    pruned = datetime(2026, 11, 29, 11, tzinfo=UTC)

    def of(days):
        return {f"{pruned - timedelta(days):%Y-%m-%dT%H}": below, f"{pruned:%Y-%m-%dT%H}": known}

    assert chain.verify_roots(left, of(older)) is None
    assert chain.verify_roots(left, {f"{pruned - timedelta(older):%Y-%m-%dT%H}": below}) is not None
    fault = chain.verify_roots(left, of(younger))
    assert fault is not None
    assert fault.why.startswith("begins after the root of ")


def proof_of(rows: list[Linked]) -> chain.Proof:
    proof = chain.prove([head_of(rows)], LEDGER, "2026-11-29T11")
    assert proof is not None
    return proof


def begun_after(place: Place) -> list[Linked]:
    """What is left of a chain: a checkpoint that names *place*, and one entry more."""
    after = {"sequence": place.sequence, "hash": place.hash}
    rows, tail = list[Linked](), place
    for each in (entry(98, "") | {"event": "checkpoint", "after": after}, entry(99, "later")):
        rows.append(Linked(chain.link(LEDGER, tail, each), each))
        tail = rows[-1].link.place
    return rows


@given(heads, st.data())
def test_each_head_leads_to_the_root_and_no_other_does(known, data):
    root, chosen = chain.merkle_root(known), data.draw(st.sampled_from(known))
    proof = chain.prove(known, chosen.ledger, "now")
    assert proof is not None
    assert (proof.root, chain.root_of(proof), proof.head) == (root, root, chosen)
    assert len(proof.path) <= (len(known) - 1).bit_length()
    forged = replace(proof, head=replace(chosen, sequence=chosen.sequence + 1))
    assert chain.verify_proof(forged) is not None
    assert chain.prove(known, "nobody", "now") is None


def test_no_heads_have_the_root_of_nothing():
    assert chain.merkle_root([]) == sha256(b"").hexdigest()
