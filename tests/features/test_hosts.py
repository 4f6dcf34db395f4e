import pytest

from features.hosts import host_traits, is_disposable, is_freemail, is_known, is_open_redirector


@pytest.mark.parametrize(
    ("host", "trait"),
    [
        ("bit.ly", "shortener"),
        ("go.bit.ly", "shortener"),
        ("shop.weebly.com", "free_host"),
        ("forms.gle", "free_host"),
        ("storage.googleapis.com", "raw_storage"),
        ("bucket.s3-eu-west-1.amazonaws.com", "raw_storage"),
        ("bucket.s3.us-east-2.amazonaws.com", "raw_storage"),
        ("bucket.oss-cn-hongkong.aliyuncs.com", "raw_storage"),
        ("sos-de-fra-1.exo.io", "raw_storage"),
        ("d123.cloudfront.net", "content_network"),
        ("u1.ct.sendgrid.net", "mail_service"),
        ("login.example.top", "cheap_tld"),
        ("example.sa.com", "cheap_tld"),
        ("example.shop", "new_tld"),
    ],
)
def test_a_listed_host_has_its_trait(host, trait):
    assert trait in host_traits(host)


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "notbit.ly",
        "bit.ly.example.com",
        "ec2-1-2-3-4.amazonaws.com",
        "top.example.de",
    ],
)
def test_a_host_that_only_looks_listed_has_no_trait(host):
    assert host_traits(host) == frozenset()


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("www.google.com", "/url"),
        ("www.google.co.uk", "/amp/s/example.com"),
        ("l.facebook.com", "/l.php"),
        ("www.youtube.com", "/redirect"),
    ],
)
def test_pages_that_send_on_are_open_redirectors(host, path):
    assert is_open_redirector(host, path)


@pytest.mark.parametrize(
    ("host", "path"),
    [("www.google.com", "/search"), ("google.example.com", "/url"), ("www.youtube.com", "/watch")],
)
def test_other_pages_of_the_same_sites_are_not(host, path):
    assert not is_open_redirector(host, path)


def test_free_mail_counts_for_the_domain_and_below_it():
    assert is_freemail("gmail.com")
    assert is_freemail("mail.yahoo.co.uk")
    assert not is_freemail("gmail.com.example.org")
    assert not is_freemail("")


@pytest.mark.parametrize(
    ("host", "disposable"),
    [
        ("mailinator.com", True),
        ("anything.mailinator.com", True),
        ("gmail.com", False),
        ("sify.com", False),
        ("example.org", False),
        ("", False),
    ],
)
def test_mailboxes_for_one_use_are_told_by_the_kept_list_and_our_corrections(host, disposable):
    assert is_disposable(host) == disposable


def test_a_listed_host_is_known_and_what_lies_below_it_is_not():
    assert is_known("hotmail.fr")
    assert is_known("web.app")
    assert not is_known("paypal-login.web.app")
