"""Prediction markets and a stock exchange's hours as numbers: pure functions, with no source and no clock."""
