"""A video's words, states and scores: pure functions over values, with no service and no clock."""
