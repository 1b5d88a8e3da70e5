import pytest

from domain.mail.answers import Question
from domain.mail.asking import Asked, Needs, NoVerdict
from tests.domain.mail.zones import answer, mx, txt, unclear


@pytest.mark.parametrize(
    ("kind", "values"), [("TXT", ()), ("TXT", ("x",)), ("MX", txt("x")), ("A", mx((1, "x"))), ("CNAME", txt("x"))]
)
def test_an_answer_that_is_empty_or_of_another_type_is_unknown(kind, values):
    question = Question("contoso.example", kind)
    asked = Asked({question: answer({("contoso.example", kind): values}, question)})
    assert asked.get("contoso.example", kind) is None
    assert asked.open == NoVerdict(f"{kind} of contoso.example: the answer has no such records")


def test_what_is_unclear_comes_before_what_is_missing():
    asked = Asked({Question("a.example", "A"): unclear("lame")})
    asked.get("b.example", "A")
    before = asked.open
    asked.get("a.example", "A")
    assert (before, asked.open) == (Needs((Question("b.example", "A"),)), NoVerdict("A of a.example: lame"))
