"""Hypothesis for the gate: no time limits, as the machine may be busy."""

from hypothesis import settings

settings.register_profile("gate", deadline=None)
settings.load_profile("gate")
