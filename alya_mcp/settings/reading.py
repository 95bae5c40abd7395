"""Reads an environment by the table of settings; all problems are listed at once."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from alya_mcp.runtime.environment import holds_placeholder, placeholder, tidy
from alya_mcp.runtime.paths import expanded
from alya_mcp.settings.notifiers import NOTIFIERS, notify_problems
from alya_mcp.settings.parsers import UnfitValue, problems_of, web_address
from alya_mcp.settings.providers import SOURCES, agent_card
from alya_mcp.settings.setting import Setting, variable_of

SERVICES: Final = SOURCES | NOTIFIERS
"""Every outside service, by its key."""
URLS: Final = {service.variable: service.key for service in SERVICES.values()}
"""The variables of their addresses, each with the service's key."""
KEYS: Final = tuple(variable for service in SERVICES.values() for variable in service.keys)
"""The variables of their secrets."""


class SettingsError(ValueError):
    """An environment variable holds a value that alya-mcp can't use. Its text is for the user."""


def read(table: Mapping[str, Setting], environment: Mapping[str, str] | None) -> dict[str, Any]:
    """The settings of `table`, the services' addresses and their secrets, in `environment`.

    That is the process's own when None.

    Raises:
        SettingsError: naming every variable with an unusable value, and what it takes.
    """
    source = dict(os.environ if environment is None else environment)
    tidy(source, {variable_of(name) for name, setting in table.items() if setting.governs})
    texts = {name: source[variable_of(name)] for name in table if variable_of(name) in source}
    problems = _placeholders(table, texts)
    found: dict[str, Any] = {}
    for name, text in texts.items():
        try:
            found[name] = table[name].parse(text)
        except UnfitValue as unfit:
            problems += [f"{variable_of(name)} {problem}" for problem in unfit.args]
    if variable_of("home") not in source:
        found["home"] = _platform_home()
        if not found["home"].is_absolute():
            problems.append("ALYA_HOME is unset, and there is no home folder; it takes an absolute path")
    if "s3_kms_key" in texts and texts.get("s3_sse") != "aws:kms":
        problems.append("ALYA_S3_KMS_KEY is set; it takes effect only with ALYA_S3_SSE=aws:kms")
    problems += notify_problems(found.get("notify", ()), source)
    urls = {key: source[variable] for variable, key in URLS.items() if variable in source}
    for key, url in urls.items():
        address = web_address(SERVICES[key].url or "http://127.0.0.1:8888")
        problems += [f"{SERVICES[key].variable} {problem}" for problem in problems_of(address, url)]
    if problems:
        raise SettingsError("; ".join(problems))
    agents = {agent_card(agent).key: agent for agent in found.get("a2a_agents", ())}
    secrets = {variable: source[variable] for variable in KEYS if variable in source}
    return {**found, "source_urls": urls | agents, "source_secrets": secrets}


def _placeholders(table: Mapping[str, Setting], texts: dict[str, str]) -> list[str]:
    """Take out of `texts` those that are a client's placeholder or hold one, and say so of each."""
    problems: list[str] = []
    for name, text in list(texts.items()):
        left = placeholder(text)
        if left is not None:
            problems.append(
                f"{variable_of(name)} is the placeholder {left}, which the client didn't fill in. It decides "
                "what calls may do, so it isn't ignored: fill it in, or take it out of the client's "
                "configuration"
            )
        elif holds_placeholder(text) and not table[name].secret:
            problems.append(
                f"{variable_of(name)} is {text!r:.120}, with a placeholder that the client didn't fill in"
            )
        else:
            continue
        del texts[name]
    return problems


def _platform_home() -> Path:
    """The platform's folder for data; a relative path for a user without a home folder."""
    from platformdirs import user_data_path

    try:
        return user_data_path("alya-mcp", appauthor=False)
    except RuntimeError:
        return expanded("~")
