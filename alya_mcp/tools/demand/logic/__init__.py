"""What people pay for, would pay for, miss or look for: pure functions over posts, with no source."""
