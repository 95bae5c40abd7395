"""Earthquakes and weather as numbers and words: pure functions over values, with no source and no clock."""
