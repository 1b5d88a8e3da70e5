import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.mail import spf


def rendered_or_refused(text):
    """What parse and render make of *text*, or the refusal; any other exception is a failure."""
    try:
        return spf.render(spf.parse(text))
    except ValueError as error:
        return f"refused: {error}"


def only(text):
    return spf.parse(f"v=spf1 {text}").terms[0]


GOOD = [
    # 4.6.1: case and qualifiers
    "all",
    "+ALL",
    "?All",
    "~aLL",
    "-all",
    # 5.2 include
    "include:example.com",
    "INCLUDE:Example.COM.",
    "include:_spf.example.com",
    "-include:a--b.example.c-m",
    "include:example.xn--p1ai",
    "include:.com",
    # 5.3 a, 5.4 mx: domain, cidr, both, none
    "a",
    "a/24",
    "a//64",
    "a/24//64",
    "a/0",
    "a//0",
    "a/32//128",
    "a:example.com",
    "a:example.com/24//64",
    "a:example.com//64",
    "A:example.com./9",
    "a:%{d}",
    "a:%{d}/24",
    "a:%{l1r+-/}/24//64",
    "a:with/slash.example.com/24",
    "a:1.2.3.4.example",
    "a:example.1-2",
    "mx",
    "mx/24//64",
    "mx:example.com/30",
    # 5.5 ptr
    "ptr",
    "ptr:example.com",
    # 5.6 ip4, ip6
    "ip4:1.2.3.4",
    "ip4:1.2.3.4/0",
    "ip4:1.2.3.4/32",
    "ip4:255.255.255.255/9",
    "ip6:::",
    "ip6:::1",
    "ip6:2001:DB8::cd30/0",
    "ip6:2001:db8::/128",
    "ip6:::ffff:1.2.3.4/96",
    "ip6:1:2:3:4:5:6:7:8",
    # 5.7 exists
    "exists:example.com",
    "exists:%{ir}.%{l1r+-}._spf.%{d}",
    "exists:%{ir}.sbl.example.org",
    # 6: modifiers
    "redirect=example.com",
    "REDIRECT=_spf.%{d2}",
    "exp=explain._spf.%{d}",
    "default=",
    "ip4=1.2.3.4",
    "x-y_z.1=a:b/c=%{c}%{r}%{t}",
    # 7: macros
    "exists:%{s}.%{o}.%{p}.%{v}.%{h}",
    "exists:%{S}.%{L}.%{IR}",
    "exists:%{d1}",
    "exists:%{d10r}",
    "exists:%{d01}",
    "exists:%{l.-+,/_=}.example",
    "exists:a%%b%_c%-.example.com",
    "exists:foo%%",
    "exists:!#$&'()*;<>?@[]^`{|}~.example",
]


BAD = [
    ("foo", "mechanism"),
    ("foo:bar", "mechanism"),
    ("al", "mechanism"),
    ("++all", "mechanism"),
    ("+", "mechanism"),
    ("-redirect=example.com", "mechanism"),
    ("=value", "mechanism"),
    ("1x=value", "mechanism"),
    ("all.", "mechanism"),
    ("all:", "after ':'"),
    ("all:example.com", "no argument"),
    ("all/8", "no argument"),
    ("\t-all", "mechanism"),
    ("include", "needs ':'"),
    ("include:", "after ':'"),
    ("include/24", "needs ':'"),
    ("include:example.com/24", "end like a domain"),
    ("include:localhost", "end like a domain"),
    ("include:example.com..", "end like a domain"),
    ("include:ex\u00e4mple.com", "stands for nothing"),
    ("include:example.com\t", "stands for nothing"),
    ("include:1.2.3.4", "end like a domain"),
    ("include:example.-com", "end like a domain"),
    ("include:example.com-", "end like a domain"),
    ("include:example.c_m", "end like a domain"),
    ("a:", "after ':'"),
    ("a:/24", "end like a domain"),
    ("a:museum", "end like a domain"),
    ("a:museum.", "end like a domain"),
    ("a:example.com:8080", "end like a domain"),
    ("a/", "prefix length"),
    ("a//", "prefix length"),
    ("a/33", "more than 32"),
    ("a/08", "prefix length"),
    ("a/240", "prefix length"),
    ("a//129", "more than 128"),
    ("a//064", "prefix length"),
    ("a/24/64", "prefix length"),
    ("a//64/24", "prefix length"),
    ("a/-1", "prefix length"),
    ("mx/33", "more than 32"),
    ("mx:/24", "end like a domain"),
    ("ptr/24", "prefix length"),
    ("ptr:", "after ':'"),
    ("ip4", "needs ':'"),
    ("ip4/24", "needs ':'"),
    ("ip4:", "after ':'"),
    ("ip4:1.2.3", "not an address"),
    ("ip4:1.2.3.4.5", "not an address"),
    ("ip4:1.2.3.256", "not an address"),
    ("ip4:01.2.3.4", "not an address"),
    ("ip4:1.2.3.4/", "prefix length"),
    ("ip4:1.2.3.4/33", "more than 32"),
    ("ip4:1.2.3.4/032", "prefix length"),
    ("ip4:1.2.3.4//24", "prefix length"),
    ("ip4:1.2.3.4/255.255.255.0", "prefix length"),
    ("ip4:2001:db8::", "not an address"),
    ("ip4:1.2.3.4include:x.example", "not an address"),
    ("ip6", "needs ':'"),
    ("ip6:1.2.3.4", "not an address"),
    ("ip6:2001:db8::/129", "more than 128"),
    ("ip6:2001:db8:::1", "not an address"),
    ("ip6:fe80::1%eth0", "zone index"),
    ("exists", "needs ':'"),
    ("exists:", "after ':'"),
    ("exists:%", "stands for nothing"),
    ("exists:%x.example", "stands for nothing"),
    ("exists:%{d", "stands for nothing"),
    ("exists:%{}.example", "stands for nothing"),
    ("exists:%{z}.example", "no meaning here"),
    ("exists:%{c}.example", "no meaning here"),
    ("exists:%{t}", "no meaning here"),
    ("exists:%{d0}", "0 parts"),
    ("exists:%{d00}", "0 parts"),
    ("exists:%{dr2}", "stands for nothing"),
    ("exists:%{d2;}", "stands for nothing"),
    ("exists:%{d}com", "end like a domain"),
    ("redirect=", "end like a domain"),
    ("redirect=localhost", "end like a domain"),
    ("exp=%{r}.example", "end like a domain|no meaning here"),
    ("x=%{z}", "no meaning here"),
    ("x=%", "stands for nothing"),
]


@pytest.mark.parametrize("term", GOOD)
def test_what_the_grammar_allows_reads_and_renders_as_it_was(term):
    record = spf.parse(f"v=spf1 {term}")
    assert [each.text for each in record.terms] == [term]
    assert spf.render(record) == f"v=spf1 {term}"


@pytest.mark.parametrize(("term", "why"), BAD)
def test_what_the_grammar_refuses_is_named_with_the_reason(term, why):
    with pytest.raises(ValueError, match=why) as caught:
        spf.parse(f"v=spf1 a {term} -all")
    assert f"term {term!a}: " in str(caught.value)


@pytest.mark.parametrize(
    "record", ["v=spf1 exp=a.example exp=b.example", "v=spf1 redirect=a.example all Redirect=a.example"]
)
def test_redirect_and_exp_stand_at_most_once(record):
    with pytest.raises(ValueError, match="more than once"):
        spf.parse(record)


def test_an_unknown_modifier_may_stand_often():
    assert len(spf.parse("v=spf1 x=1 x=2").modifiers) == 2


@pytest.mark.parametrize("text", ["", "v=spf", "v=spf2 -all", " v=spf1", "v=spf1-all", "v=spf1\t-all"])
def test_text_without_the_version_is_refused(text):
    with pytest.raises(ValueError, match="does not begin"):
        spf.parse(text)


def test_a_wrong_term_behind_all_spoils_the_record_too():
    with pytest.raises(ValueError, match="'foo'"):
        spf.parse("v=spf1 -all foo")


def test_a_term_says_what_it_means():
    a = only("~A:Example.com/24//64")
    assert isinstance(a, spf.Mechanism)
    assert (a.qualifier, a.kind, a.target, a.cidr) == ("~", "a", "Example.com", (24, 64))
    ip4 = only("ip4:192.0.2.77/24")
    assert isinstance(ip4, spf.Mechanism)
    assert (ip4.qualifier, str(ip4.network), ip4.counted) == ("+", "192.0.2.0/24", False)
    redirect = only("Redirect=Example.com")
    assert isinstance(redirect, spf.Modifier)
    assert (redirect.name, redirect.value) == ("redirect", "Example.com")


def test_the_prefix_length_is_cut_from_the_end_of_a_domain_with_slashes():
    term = only("a:%{d/}.x/y.example/24")
    assert isinstance(term, spf.Mechanism)
    assert (term.target, term.cidr) == ("%{d/}.x/y.example", (24, 128))


def test_too_long_a_name_loses_labels_on_the_left():
    term = only("a:" + "a." * 130 + "example")
    assert isinstance(term, spf.Mechanism)
    assert term.host("x") == "a." * 123 + "example"


@pytest.mark.parametrize("target", ["a..example", "x" * 64 + ".example", "a\\b.example", "%{d}"])
def test_what_names_no_domain_is_not_asked_for(target):
    term = only(f"a:{target}")
    assert isinstance(term, spf.Mechanism)
    assert term.host("contoso.com") is None


@pytest.mark.parametrize(
    "text", ["v=spf1", "V=spf1   ", "v=spf1  a   mx  ", "v=SPF1 A:Example.COM  ~ALL x=1 ", "v=spf1 -all"]
)
def test_every_blank_and_letter_is_kept(text):
    assert spf.render(spf.parse(text)) == text


HUGE = [
    "v=spf1" + " " * 65_536,
    "v=spf1 " + "a " * 32_768,
    "v=spf1 " + "a" * 65_536,
    "v=spf1 exists:" + "a." * 32_768 + "1",
    "v=spf1 exists:" + "%{d}" * 16_384 + "-",
    "v=spf1 exists:" + "a-" * 32_768,
    "v=spf1 a" + "/" * 65_536,
    "v=spf1 a:b.example" + "//1" * 20_000,
    "v=spf1 ip6:" + ":" * 65_536,
    "v=spf1 ip4:" + "1." * 32_768,
    "v=spf1 " + "x" * 65_536 + "=",
    "v=spf1 exists:%{d" + "9" * 65_536,
    "v=spf1 exists:%{d" + "." * 65_536,
    "v=spf1 include:" + "a." * 32_768 + "example",
]


@pytest.mark.parametrize("text", HUGE, ids=range(len(HUGE)))
def test_sixty_four_kilobytes_are_read_or_refused_in_one_line(text):
    assert len(rendered_or_refused(text).replace(text, "")) < 500


TERMS = st.sampled_from([*GOOD[:-1], "ip4:65.99.255.0/24", "include:spf.protection.outlook.com"])


BLANKS = st.integers(1, 3).map(" ".__mul__)


@st.composite
def record_texts(draw):
    version = draw(st.sampled_from(["v=spf1", "V=SPF1", "v=Spf1"]))
    terms = draw(st.lists(TERMS, max_size=12))
    once = [t for at, t in enumerate(terms) if t[:3].lower() not in {"exp", "red"} or t not in terms[:at]]
    redirects = [t for t in once if t.lower().startswith("redirect=")]
    kept = [t for t in once if t not in redirects[1:]]
    return version + "".join(draw(BLANKS) + term for term in kept) + draw(st.sampled_from(["", " ", "   "]))


@given(record_texts())
def test_parse_then_render_is_the_same_text_and_value(text):
    record = spf.parse(text)
    assert spf.render(record) == text
    assert spf.parse(spf.render(record)) == record


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_value_errors(data):
    for record in (data, b"v=spf1 " + data):
        text = record.decode("latin-1")
        found = rendered_or_refused(text)
        assert found == text or found.startswith("refused: ")


@given(st.text(alphabet="ainclude:mx/%{}dr0123456789.+-~?=ptorg ", max_size=60))
def test_near_records_raise_nothing_but_value_errors(text):
    found = rendered_or_refused(f"v=spf1 {text}")
    assert found == f"v=spf1 {text}" or found.startswith("refused: ")


@given(st.text(alphabet=st.sampled_from("ab  "), max_size=1500))
def test_strings_join_to_the_text_and_fit(text):
    strings = spf.split(text)
    assert b"".join(strings) == text.encode()
    assert all(len(string) <= 255 for string in strings)
