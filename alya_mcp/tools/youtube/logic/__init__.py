"""Pure functions on scripts, states and scores: no service, no clock."""
