"""The YouTube tools: from a topic to a published video."""
