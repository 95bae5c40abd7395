"""What the bundle, the plugin, the registry and the image say agrees with the package."""

import json
import re
import struct
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from alya_mcp import __version__
from alya_mcp.settings import Settings, secret_words, tidy, unknown_variables

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
METADATA = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
URLS = METADATA["urls"]
OWNED = URLS["Repository"].removeprefix("https://github.com/")
NAME = f"io.github.{OWNED}"
"""The registry takes this name from those who own the repository."""


def read(name: str) -> dict[str, Any]:
    return json.loads((PACKAGING / name).read_text(encoding="utf-8"))


MANIFEST = read("bundle/manifest.json")
REGISTRY = read("registry/server.json")
VARIABLES = REGISTRY["packages"][0]["environmentVariables"]


def test_there_is_one_version_and_one_name_everywhere() -> None:
    assert {REGISTRY["version"], REGISTRY["packages"][0]["version"]} == {__version__}
    assert REGISTRY["name"] == NAME
    assert f"mcp-name: {NAME}" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f'"{NAME}"' in (PACKAGING / "image" / "Dockerfile").read_text(encoding="utf-8")
    assert {REGISTRY["packages"][0]["identifier"], MANIFEST["name"]} == {"alya-mcp"}
    assert {each["name"] for each in (read("plugin/plugin.json"), read("plugin/marketplace.json"))} == {
        "alya-mcp"
    }
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_there_is_one_repository_everywhere() -> None:
    repository = URLS["Repository"]
    assert all(url.startswith(repository) for url in URLS.values())
    assert REGISTRY["repository"] == {"url": repository, "source": "github"}
    assert REGISTRY["websiteUrl"] == repository
    assert MANIFEST["repository"] == {"type": "git", "url": repository}
    assert MANIFEST["homepage"] == repository
    assert (MANIFEST["documentation"], MANIFEST["support"]) == (URLS["Documentation"], URLS["Issues"])
    plugin = read("plugin/plugin.json")
    assert {plugin["repository"], plugin["homepage"]} == {repository}
    image = (PACKAGING / "image" / "Dockerfile").read_text(encoding="utf-8")
    assert f'image.source="{repository}"' in image


def test_the_description_on_pypi_has_no_link_that_leads_nowhere() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "hatchling", "metadata"], cwd=ROOT, check=True, capture_output=True
    )
    text = json.loads(told.stdout)["readme"]["text"]
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)]+)\)", text)
    assert len(links) >= 20
    for image, link in links:
        begin = f"{URLS['Repository']}/{'raw' if image else 'blob'}/main/"
        assert link.startswith(begin), link
        assert (ROOT / link.removeprefix(begin).partition("#")[0]).exists(), link


def test_the_registry_takes_the_descriptions() -> None:
    assert re.fullmatch(r"https://static\.modelcontextprotocol\.io/schemas/2025-12-11/server\.schema\.json",
                        REGISTRY["$schema"])  # fmt: skip
    assert 1 <= len(REGISTRY["description"]) <= 100
    assert 1 <= len(REGISTRY["title"]) <= 100


def test_every_variable_is_one_that_is_read_and_secrets_are_marked_as_such() -> None:
    named = {each["name"] for each in VARIABLES} | set(MANIFEST["server"]["mcp_config"]["env"])
    assert unknown_variables(dict.fromkeys(named, "x")) == {}
    for each in VARIABLES:
        held = {"ALYA_HOME": "/x", each["name"]: "a-secret-of-some-length"}
        secret = bool(secret_words(held)) or each["name"] == "AWS_ACCESS_KEY_ID"
        assert each.get("isSecret", False) is secret, each["name"]


def test_every_field_of_the_bundle_is_optional_and_reaches_the_server() -> None:
    fields = MANIFEST["user_config"]
    assert [each["required"] for each in fields.values()] == [False] * len(fields)
    assert {name for name, each in fields.items() if each.get("sensitive")} == {
        "aws_access_key_id", "aws_secret_access_key",
    }  # fmt: skip
    passed = MANIFEST["server"]["mcp_config"]["env"]
    assert sorted(passed.values()) == sorted(f"${{user_config.{name}}}" for name in fields)


@pytest.mark.parametrize("left", ["", " ", None])
def test_a_field_that_is_left_empty_counts_as_unset(left: str | None) -> None:
    passed = MANIFEST["server"]["mcp_config"]["env"]
    environment = {name: text if left is None else left for name, text in passed.items()}
    tidy(environment)
    assert environment == {}
    assert Settings.from_environment({"ALYA_HOME": "/x", **passed}).policy is None


def test_the_icon_is_a_square_png_of_the_size_that_the_manifest_says() -> None:
    data = (PACKAGING / MANIFEST["icon"]).read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert MANIFEST["icons"] == [{"src": MANIFEST["icon"], "size": f"{width}x{height}"}]
    assert width == height
