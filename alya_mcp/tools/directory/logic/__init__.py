"""Agents and applications as records of one shape, whatever directory they come from. Pure."""
