"""Pure functions on prediction markets and exchange hours: no source, no clock."""
