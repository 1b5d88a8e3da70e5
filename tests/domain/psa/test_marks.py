import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from domain.controls import CATALOGUE
from domain.psa import news
from domain.psa.marks import OUR_KEY, Marks

MARKS = Marks(b"a secret of the installation")
CAUSES = st.sampled_from([*CATALOGUE, news.TENANT])


@given(CAUSES, CAUSES, st.uuids(), st.uuids())
def test_each_cause_of_each_tenant_has_a_key_of_its_own(cause, other, tenant, another):
    same = (cause, tenant) == (other, another)
    for mine, others in zip(MARKS.keys(str(tenant), cause), MARKS.keys(str(another), other), strict=True):
        assert (mine == others) is same
        assert OUR_KEY.fullmatch(mine)
        assert len(mine) <= 50


@given(CAUSES, st.uuids(), st.binary(max_size=40))
def test_who_does_not_have_the_secret_cannot_write_a_key(cause, tenant, guess):
    """What is public, hashed in any way, is not the key that a new ticket has."""
    public = f"{tenant} {cause}".encode()
    key, _ = MARKS.keys(str(tenant), cause)
    guesses = [hashlib.sha256(public).hexdigest(), hmac.digest(guess, public, "sha256").hex()]
    assert (key in [f"hf-{each[:24]}" for each in guesses]) is (guess == MARKS.secret)


def test_a_note_is_known_by_its_ids_whatever_their_order():
    assert MARKS.is_in(f"Told. {MARKS.note(['2', '1'])}", ["1", "2"])
    assert not MARKS.is_in(f"Told. {Marks(b'another').note(['1', '2'])}", ["1", "2"])
    assert not MARKS.is_in(f"Told. {MARKS.note(['1'])}", ["1", "2"])


@given(st.lists(st.text(max_size=12), min_size=1, max_size=3))
def test_who_does_not_have_the_secret_cannot_write_the_mark_of_a_note(ids):
    public = hashlib.sha256(" ".join(sorted(ids)).encode()).hexdigest()
    assert not MARKS.is_in(f"Told. [hf-{public[:12]}]", ids)


def test_the_secret_is_not_shown():
    assert "a secret" not in repr(MARKS)
