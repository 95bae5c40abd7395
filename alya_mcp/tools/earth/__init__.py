"""The earth tools: recent earthquakes, earthquake probabilities, and current weather."""
