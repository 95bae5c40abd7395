"""Pure functions that find in posts what people pay for, would pay for, miss or look for."""
