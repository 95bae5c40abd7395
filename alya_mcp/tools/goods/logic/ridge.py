"""Weighted ridge regression on sparse rows, in plain Python: the base install has no numpy."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from operator import mul

Row = Sequence[tuple[int, float]]
"""A row of the design matrix: columns in ascending order with their values; the others are 0."""


@dataclass(frozen=True, slots=True)
class RidgeFit:
    """Coefficients, and the inverse of X'WX + P by which their uncertainty is known."""

    coefficients: Sequence[float]
    inverse: Sequence[Sequence[float]]

    def value(self, row: Row) -> float:
        """The fitted value of a row."""
        held = self.coefficients
        return sum(held[column] * value for column, value in row)

    def leverage(self, row: Row) -> float:
        """x'(X'WX + P)^-1 x: the variance of the fitted value in units of the noise's variance."""
        total = 0.0
        inverse = self.inverse
        for place, (column, value) in enumerate(row):
            line = inverse[column]
            inner = line[column] * value / 2
            for other, factor in row[:place]:
                inner += line[other] * factor
            total += 2 * value * inner
        return max(0.0, total)


def fit_ridge(
    rows: Sequence[Row], targets: Sequence[float], weights: Sequence[float], penalties: Sequence[float]
) -> RidgeFit:
    """Minimise sum(weight * (target - row b)^2) + sum(penalty * b^2), with one penalty per column.

    Raises:
        ArithmeticError: the columns depend on each other and no penalty parts them.
    """
    size = len(penalties)
    gram = [[0.0] * (index + 1) for index in range(size)]
    right = [0.0] * size
    for row, target, weight in zip(rows, targets, weights, strict=True):
        if weight <= 0:
            continue
        for place, (column, value) in enumerate(row):
            scaled = weight * value
            line = gram[column]
            right[column] += scaled * target
            for other, factor in row[:place]:
                line[other] += scaled * factor
            line[column] += scaled * value
    for column, penalty in enumerate(penalties):
        gram[column][column] += penalty
    lower_inverse = _inverse_of_lower(_cholesky(gram))
    inverse = _inverse(lower_inverse)
    return RidgeFit([sum(map(mul, line, right)) for line in inverse], inverse)


def _cholesky(gram: Sequence[Sequence[float]]) -> list[list[float]]:
    lower: list[list[float]] = []
    for index, given in enumerate(gram):
        line: list[float] = []
        for column in range(index):
            other = lower[column]
            line.append((given[column] - sum(map(mul, line, other))) / other[column])
        pivot = given[index] - sum(map(mul, line, line))
        if pivot <= 0:
            raise ArithmeticError("the columns depend on each other")
        line.append(sqrt(pivot))
        lower.append(line)
    return lower


def _inverse_of_lower(lower: Sequence[Sequence[float]]) -> list[list[float]]:
    """The columns of the inverse of a lower triangle, each from its diagonal on."""
    size = len(lower)
    columns: list[list[float]] = []
    for start in range(size):
        column = [1.0 / lower[start][start]]
        for index in range(start + 1, size):
            line = lower[index]
            column.append(-sum(map(mul, line[start:index], column)) / line[index])
        columns.append(column)
    return columns


def _inverse(columns: Sequence[Sequence[float]]) -> list[list[float]]:
    """(L L')^-1 from the columns of L^-1."""
    size = len(columns)
    inverse = [[0.0] * size for _ in range(size)]
    for index in range(size):
        for other in range(index + 1):
            value = sum(map(mul, columns[index], columns[other][index - other :]))
            inverse[index][other] = inverse[other][index] = value
    return inverse
