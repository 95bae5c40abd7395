"""The channel's tools: from a topic to a published video."""
