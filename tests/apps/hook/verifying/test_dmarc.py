import pytest

from apps.hook.verifying.dmarc import author_domain, conclude, published
from apps.hook.verifying.signatures import Checked
from apps.hook.verifying.spf import Spf
from apps.hook.verifying.splitting import split_message


@pytest.fixture
def evaluate(zone, resolver):
    async def evaluated(author, spf=None, signatures=()):
        found = await published(author, resolver)
        if found is None:
            return None
        return await conclude(found, spf, list(signatures), resolver), found.policy

    zone.txt("_dmarc.example.com", "v=DMARC1; p=reject")
    return evaluated


@pytest.mark.parametrize("domain", ["example.com", "mail.example.com", "a.b.example.com"])
async def test_a_proven_domain_of_the_same_organization_passes(evaluate, domain):
    passed = ("pass", "reject")
    assert await evaluate("news.example.com", Spf("pass", domain)) == passed
    assert await evaluate("news.example.com", None, [Checked("pass", domain)]) == passed


async def test_what_is_proven_of_another_or_not_proven_fails(evaluate):
    failed = ("fail", "reject")
    assert await evaluate("example.com") == failed
    assert await evaluate("example.com", Spf("pass", "example.org")) == failed
    assert await evaluate("example.com", Spf("pass", "notexample.com")) == failed
    assert await evaluate("example.com", Spf("softfail", "example.com")) == failed
    assert await evaluate("example.com", None, [Checked("policy", "example.com")]) == failed


async def test_strict_alignment_takes_the_domain_itself_only(zone, evaluate):
    zone.txt("_dmarc.strict.test", "v=DMARC1; p=none; adkim=s; aspf=s")
    for domain, word in (("strict.test", "pass"), ("a.strict.test", "fail")):
        assert (await evaluate("strict.test", Spf("pass", domain)))[0] == word
        signatures = [Checked("pass", domain)]
        assert (await evaluate("strict.test", None, signatures))[0] == word


async def test_a_part_that_is_an_organization_of_its_own_is_not_aligned_with_the_rest(
    zone, evaluate
):
    zone.txt("_dmarc.lab.example.com", "v=DMARC1; p=none; psd=n")
    said = await evaluate("example.com", Spf("pass", "a.lab.example.com"))
    assert said[0] == "fail"
    said = await evaluate("x.lab.example.com", Spf("pass", "a.lab.example.com"))
    assert said == ("pass", "none")


async def test_neighbours_under_a_public_suffix_are_not_aligned(zone, evaluate):
    zone.txt("_dmarc.co.test", "v=DMARC1; p=quarantine; psd=y")
    assert await evaluate("a.co.test", Spf("pass", "b.co.test")) == ("fail", "quarantine")
    assert await evaluate("a.co.test", Spf("pass", "x.a.co.test")) == ("pass", "quarantine")


async def test_no_record_means_no_evaluation(evaluate):
    assert await evaluate("nothing.test", Spf("pass", "nothing.test")) is None


async def test_a_record_that_cannot_be_acted_on_is_an_error(zone, evaluate):
    zone.txt("_dmarc.bad.test", "v=DMARC1; p=whatever")
    assert (await evaluate("bad.test", Spf("pass", "bad.test")))[0] == "permerror"


@pytest.mark.parametrize(
    ("record", "author", "policy"),
    [
        ("p=reject", "x.test", "reject"),
        ("p=reject", "is.x.test", "reject"),
        ("p=reject; sp=none", "x.test", "reject"),
        ("p=reject; sp=none", "is.x.test", "none"),
        ("p=none; sp=quarantine; np=reject", "is.x.test", "quarantine"),
        ("p=none; sp=quarantine; np=reject", "gone.x.test", "reject"),
        ("p=none; np=reject", "gone.x.test", "reject"),
        ("p=none; sp=reject", "gone.x.test", "reject"),
        ("p=reject; t=y", "x.test", "quarantine"),
        ("p=quarantine; t=y", "x.test", "none"),
        ("p=none; t=y", "x.test", "none"),
        ("p=none; np=reject; t=y", "gone.x.test", "quarantine"),
    ],
)
async def test_what_a_domain_asks_for(zone, evaluate, record, author, policy):
    zone.records["is.x.test", "MX"] = ["10 mail.x.test."]
    zone.txt("_dmarc.x.test", f"v=DMARC1; {record}")
    assert await evaluate(author) == ("fail", policy)


async def test_what_might_have_passed_is_a_temporary_error(zone, evaluate):
    assert (await evaluate("example.com", Spf("temperror", "example.com")))[0] == "temperror"
    marks = [Checked("temperror", "mail.example.com")]
    assert (await evaluate("example.com", None, marks))[0] == "temperror"
    assert (await evaluate("example.com", Spf("temperror", "other.test")))[0] == "fail"
    said = await evaluate("example.com", Spf("pass", "example.com"), marks)
    assert said[0] == "pass"
    zone.faults["_dmarc.down.example.com"] = "servfail"
    said = await evaluate("example.com", Spf("pass", "down.example.com"))
    assert said[0] == "temperror"


@pytest.mark.parametrize(
    ("header", "domain"),
    [
        (b"From: Ann <ann@Example.COM>\n", "example.com"),
        (b"From: ann@example.com\n", "example.com"),
        (b"From: a@example.com, b@example.com\n", "example.com"),
        (b"From: a@example.com, b@other.test\n", ""),
        (b"From: a@example.com\nFrom: b@example.com\n", ""),
        (b"From: nobody\n", ""),
        (b"Subject: x\n", ""),
        ("From: <a@b\u00fccher.test>\n".encode(), "xn--bcher-kva.test"),
        (b"From: \xff <a@\xff.test>\n", None),  # anything, but it ends
    ],
)
def test_the_author_s_domain_is_from_s_where_there_is_one(header, domain):
    found = author_domain(split_message(header + b"\nbody"))
    assert domain is None or found == domain
