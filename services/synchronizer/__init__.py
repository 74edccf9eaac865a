"""Plans what is said, and when."""
