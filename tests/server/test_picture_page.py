"""The page of a picture (MCP Apps) on the wire: for clients that declare the extension, and for no others."""

import re
from pathlib import Path

import pytest
from page_client import DECLARED, MEDIA_TYPE, URI, Peer
from raw_client import Servers, eventually
from scene import ALLOW_ALL, write_policy

ORIGIN = re.compile(r"http://127\.0\.0\.1:[0-9]+")
NOT_FOUND = {"legacy": -32002, "modern": -32602}
METHOD_NOT_FOUND = -32601


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_a_client_that_declares_the_extension_gets_the_page_and_where_pictures_are(
    start_server: Servers, alya_home: Path, era: str
) -> None:
    write_policy(alya_home, ALLOW_ALL)
    with start_server() as client:
        peer = Peer(client, era, DECLARED)
        assert "resources" in peer.greeting["capabilities"]
        assert peer.about("image_gen")["ui"] == {"resourceUri": URI}
        assert "ui" not in peer.about("alya_status")

        (listed,) = peer.ask("resources/list")["result"]["resources"]
        assert (listed["uri"], listed["mimeType"]) == (URI, MEDIA_TYPE)
        assert peer.ask("resources/templates/list")["result"]["resourceTemplates"] == []
        (page,) = peer.ask("resources/read", uri=URI)["result"]["contents"]
        assert (page["uri"], page["mimeType"]) == (URI, MEDIA_TYPE)
        assert page["text"].startswith("<!doctype html>")
        (origin,) = page["_meta"]["ui"]["csp"].pop("resourceDomains")
        assert ORIGIN.fullmatch(origin)
        assert page["_meta"]["ui"]["csp"] == {}
        absent = peer.ask("resources/read", uri=f"{URI}/other")["error"]
        assert absent["code"] == NOT_FOUND[era]

        write_policy(alya_home, {**ALLOW_ALL, "hide": ["image_gen"]})
        eventually(lambda: not peer.ask("resources/list")["result"]["resources"], "the policy is in force")
        hidden = peer.ask("resources/read", uri=URI)["error"]
        assert (hidden["code"], hidden["message"]) == (absent["code"], absent["message"])


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_for_a_client_that_does_not_declare_it_there_is_nothing(
    start_server: Servers, alya_home: Path, era: str
) -> None:
    write_policy(alya_home, ALLOW_ALL)
    with start_server() as client:
        peer = Peer(client, era, {"extensions": {"io.modelcontextprotocol/ui": {"mimeTypes": ["text/html"]}}})
        assert "resources" not in peer.greeting["capabilities"]
        assert "ui" not in str(peer.greeting["capabilities"])
        assert "ui" not in peer.about("image_gen")
        for method, params in (("resources/list", {}), ("resources/read", {"uri": URI})):
            assert peer.ask(method, **params)["error"]["code"] == METHOD_NOT_FOUND
