"""All checks of an installation, each part after those that it depends on."""

import os
from collections.abc import Iterator, Mapping

from alya_mcp.app.diagnostics import clients, gate, images, machine, notify, state, storage, youtube
from alya_mcp.app.diagnostics.check import Check, fail
from alya_mcp.app.diagnostics.words.machine import settings_invalid
from alya_mcp.settings import Settings, SettingsError


def diagnose(placeholders: Mapping[str, str]) -> Iterator[Check]:
    """Look at every part; `placeholders` are the variables that a client left unfilled."""
    yield from machine.python()
    yield from machine.unfilled(placeholders)
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        yield fail("settings", settings_invalid, reason=str(error))
        return
    yield from machine.environment(settings, os.environ)
    yield from machine.home(settings)
    yield from gate.switch(settings)
    yield from gate.policy(settings)
    yield from state.state(settings)
    yield from gate.audit(settings)
    yield from notify.notify(settings)
    yield from machine.extras(settings)
    yield from images.drawing(settings)
    yield from images.weights()
    yield from storage.store(settings)
    yield from youtube.channel(settings)
    yield from clients.clients(settings.home)
