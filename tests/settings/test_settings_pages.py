"""What the documentation, the registry and the bundle say of settings, and what processes get of them."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from alya_mcp.settings import Settings, environment_of, secret_words, unknown_variables

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "settings_pages.py"))


def test_the_page_on_configuration_says_what_the_table_does(pages: dict[str, Any]) -> None:
    page: Path = pages["PAGE"]
    text = page.read_text(encoding="utf-8")
    assert text == pages["page"](), "run scripts/settings_pages.py"
    for variable in Settings(home=ROOT).describe():
        assert f"`{variable}`" in text
    for target in {row.page for row in pages["SETTINGS"].values() if row.page}:
        file, _, heading = target.partition("#")
        headings = [
            line.lstrip("# ").lower().replace(" ", "-").replace("`", "").replace("'", "")
            for line in (ROOT / "docs" / file).read_text(encoding="utf-8").splitlines()
            if line.startswith("#")
        ]
        assert not heading or heading in headings, target


def test_the_registry_and_the_bundle_offer_what_the_table_does(pages: dict[str, Any]) -> None:
    for file, expected in (("REGISTRY", "registry"), ("MANIFEST", "manifest")):
        there = json.loads(pages[file].read_text(encoding="utf-8"))
        assert there == pages[expected](), "run scripts/settings_pages.py"


def test_every_default_is_what_its_own_text_says(pages: dict[str, Any]) -> None:
    """A default that is shown can be given, and changes nothing."""
    shown = {cells[0]: cells[1] for cells in pages["settings"]()}
    given = {name.strip("`"): text.strip("`") for name, text in shown.items() if text.startswith("`")}
    assert len(given) > 10
    assert Settings.from_environment({"ALYA_HOME": str(ROOT), **given}) == Settings(home=ROOT)


def test_every_setting_is_read_from_its_variable_and_one_that_is_misspelt_is_told() -> None:
    named = Settings(home=ROOT).describe()
    assert unknown_variables(dict.fromkeys(named, "x")) == {}
    assert unknown_variables({"ALYA_IMAGE_IDEL": "3"}) == {"ALYA_IMAGE_IDEL": "ALYA_IMAGE_IDLE"}
    given = {"ALYA_IMAGE_IDLE": "7", "ALYA_WEB_DDGS": "yes", "ALYA_S3_PREFIX": "/a/b/"}
    settings = Settings.from_environment({"ALYA_HOME": str(ROOT), **given})
    assert (settings.image_idle, settings.web_ddgs, settings.s3_prefix) == (7, True, "a/b")


def test_what_is_secret_is_shown_nowhere() -> None:
    secrets = {"ALYA_GRANT": "the-token-of-a-grant", "ALYA_RAY_TOKEN": "the-token-of-ray"}
    settings = Settings.from_environment({"ALYA_HOME": str(ROOT), **secrets})
    assert set(secrets.values()) == set(secret_words(secrets))
    assert not any(secret in f"{settings!r} {settings.describe()}" for secret in secrets.values())


@pytest.mark.parametrize(
    ("child", "kept"),
    [
        ("image worker", {"ALYA_HOME", "ALYA_IMAGE_MEMORY", "HF_TOKEN"}),
        ("fetcher", {"ALYA_HOME", "HF_TOKEN"}),
        ("notifier", {"ALYA_HOME", "ALYA_NOTIFY", "ALYA_CONTACT", "ALYA_NTFY_TOPIC", "ALYA_NTFY_URL"}),
    ],
)
def test_a_process_gets_the_settings_and_credentials_that_it_reads(child: Any, kept: set[str]) -> None:
    common = {"PATH", "HF_HOME", "AWS_REGION", "ALYA_OF_A_TEST"}
    others = {
        "ALYA_HOME", "ALYA_GRANT", "ALYA_IMAGE_MEMORY", "ALYA_CONTACT", "ALYA_NOTIFY", "ALYA_NTFY_TOPIC",
        "ALYA_NTFY_URL", "ALYA_LLM_KEY", "ALYA_LLM_URL", "APCA_API_SECRET_KEY", "ALYA_RAY_TOKEN",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "HF_TOKEN",
    }  # fmt: skip
    assert set(environment_of(child, dict.fromkeys(common | others, "x"))) == common | kept
