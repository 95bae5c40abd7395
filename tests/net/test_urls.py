"""Addresses that search engines hand out: which are shown, and which are the same page."""

import pytest

from alya_mcp.net.urls import canonical, shown


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/", "javascript:alert(1)", "data:text/html,x", "https://", "a.example", "https://u:p@a.example/",
        "http://localhost/", "http://printer/", "http://nas.local/", "http://x.internal/", "http://127.0.0.1/",
        "http://10.1.2.3/", "http://169.254.169.254/", "http://[::1]/", "http://[::ffff:10.0.0.1]/", "http://0x7f.1/",
        "http://2130706433/", "http://0177.0.0.1/", "http://127.1/", "http://a.example:0/", "http://a.example:x/",
        "https://a.example/ x", "https://a.example/\u202e", "https://a.example/" + "a" * 2000, "http://[fe80::1%25eth0]/",
    ],
)  # fmt: skip
def test_an_address_that_is_no_public_web_page_is_not_shown(url: str) -> None:
    assert shown(url) is None


def test_trackers_and_fragments_are_not_shown_and_the_rest_stays() -> None:
    assert shown("https://A.example/p?utm_source=x&id=3&gclid=1#top") == "https://A.example/p?id=3"
    assert shown("https://a.example/p?q=a+b&x=%20") == "https://a.example/p?q=a+b&x=%20"
    assert shown("http://8.8.8.8/x") == "http://8.8.8.8/x"


def test_addresses_of_one_page_are_one() -> None:
    same = [
        "https://www.a.example/b/", "http://a.example/b", "https://A.EXAMPLE:443/b#c", "https://a.example./b?utm_id=1",
        "http://a.example:80/%62",
    ]  # fmt: skip
    assert len({canonical(url) for url in same}) == 1
    assert canonical("https://a.example/?b=1&a=2") == canonical("https://a.example?a=2&b=1")
    others = ["https://a.example/b", "https://a.example/c", "https://b.example/b", "https://a.example/b?p=2",
              "https://a.example:8080/b", "https://a.example/B"]  # fmt: skip
    assert len({canonical(url) for url in others}) == len(others)
