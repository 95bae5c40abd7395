"""Stakes by Kelly's rule."""


def kelly(probability: float, odds: float) -> float:
    """The Kelly fraction: the share of a bankroll that maximises its expected logarithm; 0 without an edge.

    `odds` are decimal: what a stake of 1 returns on a win, above 1 (Kelly, A New Interpretation of
    Information Rate, 1956).
    """
    net = odds - 1
    return max(0.0, (probability * net - (1 - probability)) / net)
