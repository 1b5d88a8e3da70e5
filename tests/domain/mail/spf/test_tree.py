import pytest

from domain.mail import spf
from domain.mail.answers import Question
from domain.mail.asking import Needs, NoVerdict
from tests.domain.mail.spf.trees import HOSTS, OWN, A, ids, look
from tests.domain.mail.zones import mx, settle, txt, unclear
from tests.domain.mail.zones import spf as records

COUNTS = [
    ("v=spf1", 0, 0),
    ("v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 exp=x.example x=y -all", 0, 0),
    ("v=spf1 include:a.example -all", 1, 0),
    ("v=spf1 include:a.example include:a.example -all", 2, 0),
    ("v=spf1 include:b.example -all", 2, 0),
    ("v=spf1 a:host.example mx:host.example ptr exists:host.example -all", 4, 1),
    ("v=spf1 a:six.example -all", 1, 0),
    ("v=spf1 exists:six.example -all", 1, 1),
    ("v=spf1 a -all", 1, 1),
    ("v=spf1 a:gone.example -all", 1, 1),
    ("v=spf1 redirect=b.example", 2, 0),
    ("v=spf1 redirect=b.example -all", 0, 0),
    ("v=spf1 -all include:b.example", 0, 0),
    ("v=spf1 ip4:0.0.0.0/0 include:b.example", 2, 0),
    ("v=spf1 exists:%{i}.gone.example -all", 1, 0),
    ("v=spf1 ptr:%{d} -all", 1, 0),
    ("v=spf1 a:x..y.example -all", 1, 0),
]


@pytest.mark.parametrize(("record", "lookups", "voids"), COUNTS)
def test_lookups_and_voids_are_counted_over_the_whole_tree(record, lookups, voids):
    found = look(records({OWN: record, **A}) | HOSTS)
    assert (found.lookups, found.voids) == (lookups, voids)
    assert found.errors == ()


def test_a_missing_include_is_a_void_lookup_and_an_error_at_once():
    found = look(records({OWN: "v=spf1 include:gone.example -all"}))
    assert (found.lookups, found.voids, ids(found, "error")) == (1, 1, ["target-without-record"])


def test_ten_lookups_are_allowed_and_eleven_are_not():
    ten = look(records({OWN: "v=spf1" + " a:host.example" * 10 + " -all"}) | HOSTS)
    eleven = look(records({OWN: "v=spf1" + " a:host.example" * 11 + " -all"}) | HOSTS)
    assert (ten.lookups, ids(ten, "error")) == (10, [])
    assert (eleven.lookups, ids(eleven, "error")) == (11, ["lookup-limit"])


def test_two_voids_are_allowed_and_three_are_not():
    two = look(records({OWN: "v=spf1 a:x.example a:y.example -all"}))
    three = look(records({OWN: "v=spf1 a:x.example a:y.example mx:z.example -all"}))
    assert (two.voids, ids(two, "error")) == (2, [])
    assert (three.voids, ids(three, "error")) == (3, ["void-limit"])


def test_ten_exchangers_are_allowed_and_eleven_are_not():
    def zone(count):
        hosts = [(n, f"mx{n % 2}.example") for n in range(count)]
        addresses = {(host, "A"): ("192.0.2.1",) for _, host in hosts}
        return records({OWN: "v=spf1 mx -all"}) | addresses | {(OWN, "MX"): mx(*hosts)}

    assert ids(look(zone(10)), "error") == []
    assert ids(look(zone(11)), "error") == ["mx-host-limit"]


def test_an_exchanger_without_address_makes_its_term_void_once():
    zone = records({OWN: "v=spf1 mx -all"}) | {(OWN, "MX"): mx((10, "x.example"), (20, "y.example"))}
    assert look(zone).voids == 1


def test_a_null_mx_is_neither_void_nor_asked_for():
    asked: list[Question] = []
    zone = records({OWN: "v=spf1 mx -all"}) | {(OWN, "MX"): mx((0, ""))}
    found = settle(lambda answers: spf.examine(OWN, answers), zone, asked)
    assert isinstance(found, spf.Examined)
    assert found.voids == 0
    assert asked == [Question(OWN, "TXT"), Question(OWN, "MX")]


def test_a_term_without_domain_means_the_record_it_stands_in():
    asked: list[Question] = []
    zone = records({OWN: "v=spf1 include:part.example -all", "part.example": "v=spf1 a -all"})
    settle(lambda answers: spf.examine(OWN, answers), zone, asked)
    assert Question("part.example", "A") in asked
    assert Question(OWN, "A") not in asked


def test_an_address_is_only_asked_for_in_the_second_family_when_the_first_has_none():
    asked: list[Question] = []
    settle(lambda answers: spf.examine(OWN, answers), records({OWN: "v=spf1 a:host.example"}) | HOSTS, asked)
    assert Question("host.example", "AAAA") not in asked


def test_everything_that_can_be_asked_is_asked_in_one_round():
    zone = records({OWN: "v=spf1 include:a.example a:host.example mx exists:x.example -all"})
    first = spf.examine(OWN, {})
    assert first == Needs((Question(OWN, "TXT"),))
    rounds = []

    def look(answers):
        rounds.append(spf.examine(OWN, answers))
        return rounds[-1]

    settle(look, zone)
    assert rounds[1] == Needs(
        (
            Question("a.example", "TXT"),
            Question("host.example", "A"),
            Question(OWN, "MX"),
            Question("x.example", "A"),
        )
    )


@pytest.mark.parametrize(
    "zone",
    [
        {OWN: "v=spf1 include:contoso.example -all"},
        {OWN: "v=spf1 include:a.example -all", "a.example": "v=spf1 include:contoso.example -all"},
        {OWN: "v=spf1 redirect=a.example", "a.example": "v=spf1 redirect=a.example"},
        {OWN: "v=spf1 include:CONTOSO.example. -all"},
    ],
)
def test_a_loop_is_told_and_ends(zone):
    assert ids(look(records(zone)), "error") == ["loop"]


def test_a_tree_without_end_is_left_after_fifty_lookups():
    zone = {f"n{n}.example": f"v=spf1 include:n{n + 1}.example include:n{n + 1}.example" for n in range(60)}
    found = look(records({OWN: "v=spf1 include:n0.example -all", **zone}))
    assert (found.lookups, found.exact) == (51, False)
    assert "more than 50" in next(e.detail for e in found.errors if e.id == "lookup-limit")


def test_thousands_of_terms_ask_for_a_handful():
    asked: list[Question] = []
    zone = records({OWN: "v=spf1 " + " ".join(f"a:h{n}.example" for n in range(4000)) + " -all"})
    settle(lambda answers: spf.examine(OWN, answers), zone, asked)
    assert len(asked) <= 101


BROKEN = [
    ("v=spf1 include:none.example -all", {}, "target-without-record"),
    ("v=spf1 include:other.example -all", {("other.example", "TXT"): txt("hello")}, "target-without-record"),
    ("v=spf1 redirect=none.example", {}, "target-without-record"),
    ("v=spf1 include:two.example -all", {("two.example", "TXT"): txt("v=spf1 -all", "v=spf1")}, "several-records"),
    ("v=spf1 include:odd.example -all", {("odd.example", "TXT"): txt("v=spf1 foo")}, "syntax"),
    ("v=spf1 include:odd.example -all", {("odd.example", "TXT"): txt(b"v=spf1 \xe2\x80\x9c")}, "syntax"),
    ("v=spf1 foo -all", {}, "syntax"),
    ("v=spf1 \u201cinclude:a.example\u201d -all", {}, "syntax"),
    ("v=spf1 include:x..y.example -all", {}, "malformed-name"),
    ("v=spf1 redirect=x..y.example", {}, "malformed-name"),
]


@pytest.mark.parametrize(("record", "others", "wrong"), BROKEN)
def test_what_makes_receivers_give_up_is_an_error_with_its_section(record, others, wrong):
    found = look(records({OWN: record}) | others)
    assert ids(found, "error") == [wrong]
    assert found.errors[0].source.startswith("RFC 7208, ")
    judged = settle(lambda answers: spf.judge(OWN, answers, ("a.example",)), records({OWN: record}) | others)
    assert isinstance(judged, spf.SpfJudgement)
    assert isinstance(judged.verdict, spf.Broken)


def test_two_records_are_an_error_and_neither_is_read():
    found = look({(OWN, "TXT"): txt("v=spf1 include:gone.example -all", "v=spf1 -all")})
    assert (ids(found, "error"), found.record, found.lookups, len(found.found)) == (["several-records"], None, 0, 2)


@pytest.mark.parametrize(
    ("record", "exact"),
    [
        ("v=spf1 exists:%{i}.x.example a:%{d} mx:%{o} -all", True),
        ("v=spf1 include:%{ir}.x.example -all", False),
        ("v=spf1 redirect=_spf.%{d}", False),
    ],
)
def test_only_a_macro_that_leads_to_a_record_makes_the_count_inexact(record, exact):
    assert look(records({OWN: record})).exact is exact


ENDINGS = [
    ("v=spf1 -all", "-"),
    ("v=spf1 ~ALL ?all", "~"),
    ("v=spf1 a", "none"),
    ("v=spf1", "none"),
    ("v=spf1 redirect=a.example", "-"),
    ("v=spf1 redirect=%{d}.example", "dynamic"),
    ("v=spf1 redirect=a.example ?all", "?"),
]


@pytest.mark.parametrize(("record", "ending"), ENDINGS)
def test_the_ending_is_that_of_the_record_that_decides(record, ending):
    assert look(records({OWN: record, **A})).ending == ending


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (OWN, "TXT"),
        ("a.example", "TXT"),
        ("host.example", "A"),
        ("mail.example", "AAAA"),
        (OWN, "MX"),
        ("e.example", "A"),
    ],
)
def test_any_unclear_answer_leaves_no_verdict_and_is_named(name, kind):
    zone = records({OWN: "v=spf1 include:a.example a:host.example mx:mail.example mx exists:e.example -all", **A})
    zone |= {("mail.example", "MX"): mx((10, "mail.example"))}
    found = settle(lambda answers: spf.examine(OWN, answers), zone | {(name, kind): unclear("SERVFAIL")})
    assert found == NoVerdict(f"{kind} of {name}: SERVFAIL")


def test_an_answer_of_another_type_is_unclear():
    found = settle(lambda answers: spf.examine(OWN, answers), {(OWN, "TXT"): ("192.0.2.1",)})
    assert isinstance(found, NoVerdict)


def test_a_domain_is_asked_for_by_its_a_labels():
    assert spf.examine("B\u00fccher.example.", {}) == Needs((Question("xn--bcher-kva.example", "TXT"),))


def test_bad_input_is_a_value_error():
    with pytest.raises(ValueError, match="empty label"):
        spf.examine("a..example", {})


def test_a_verdict_names_the_first_errors_and_counts_the_rest():
    zone = records({OWN: "v=spf1 " + " ".join(f"include:n{n}.example" for n in range(20)) + " -all"})
    judged = settle(lambda answers: spf.judge(OWN, answers, ("a.example",)), zone)
    assert isinstance(judged, spf.SpfJudgement)
    verdict = judged.verdict
    assert isinstance(verdict, spf.Broken)
    assert verdict.reason.startswith("n0.example: has no SPF record")
    assert verdict.reason.endswith("; and 19 more")


def test_a_long_term_is_cut_in_what_is_told():
    found = look(records({OWN: "v=spf1 x=" + "y" * 400 + " -all"}))
    assert max(len(remark.detail) for remark in found.remarks) < 150
