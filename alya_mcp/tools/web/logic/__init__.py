"""What is done with what a web search found: words, ranking, extracts and the checking of citations. Pure."""
