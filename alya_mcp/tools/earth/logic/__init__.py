"""Pure functions on earthquakes and weather: no source, no clock."""
