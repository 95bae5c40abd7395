"""The market tools: signals, edges, categories, top traders, and the paper account."""
