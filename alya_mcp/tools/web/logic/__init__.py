"""Processing of a web search's hits: words, ranking, extracts and the checking of citations. Pure."""
