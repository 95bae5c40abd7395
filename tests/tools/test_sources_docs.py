"""The settings of outside sources: read, refused, shown without secrets, and documented."""

from pathlib import Path

import pytest

from alya_mcp.settings import Settings, SettingsError, secret_words, unknown_variables
from alya_mcp.settings.providers import SOURCES

ROOT = Path(__file__).parents[2]
HOME = {"ALYA_HOME": str(ROOT)}


@pytest.mark.parametrize("source", SOURCES.values(), ids=lambda source: source.key)
def test_every_source_and_its_secrets_are_documented(source) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    for variable in (source.variable, *source.keys):
        assert f"`{variable}`" in page
    if source.url:
        assert f"`{source.url}`" in page


def test_a_source_can_be_put_elsewhere() -> None:
    settings = Settings.from_environment(
        {**HOME, "ALYA_USGS_URL": " http://127.0.0.1:9 ", "ALYA_EMSC_URL": ""}
    )
    assert settings.source_urls == {"usgs": "http://127.0.0.1:9"}
    described = settings.describe()
    assert (described["ALYA_USGS_URL"], described["ALYA_EMSC_URL"]) == ("http://127.0.0.1:9", None)


@pytest.mark.parametrize(
    "address", ["ftp://a.example", "a.example", "http://name:hunter2@a.example", "http://"]
)
def test_an_address_that_is_none_is_refused_at_the_start(address: str) -> None:
    with pytest.raises(SettingsError, match="ALYA_USGS_URL") as refused:
        Settings.from_environment({**HOME, "ALYA_USGS_URL": address})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("contact", ["two words", "ü@a.example", "x\r\nX-Other: y", "a" * 201])
def test_a_contact_that_no_header_takes_is_refused(contact: str) -> None:
    with pytest.raises(SettingsError, match="ALYA_CONTACT"):
        Settings.from_environment({**HOME, "ALYA_CONTACT": contact})


def test_a_misspelt_source_is_told() -> None:
    assert unknown_variables({"ALYA_USG_URL": "x"}) == {"ALYA_USG_URL": "ALYA_USGS_URL"}


def test_secrets_of_sources_are_hidden_wherever_they_could_show() -> None:
    variables = {variable: f"secret-of-{variable}" for source in SOURCES.values() for variable in source.keys}
    settings = Settings.from_environment({**HOME, **variables})
    assert settings.source_secrets == variables
    shown = f"{settings!r} {settings.describe()}"
    assert not any(secret in shown for secret in variables.values())
    assert set(variables.values()) <= set(secret_words(variables))
