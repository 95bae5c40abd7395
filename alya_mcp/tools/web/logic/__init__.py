"""Pure functions on web search results: words, ranking, extracts and checking of citations."""
