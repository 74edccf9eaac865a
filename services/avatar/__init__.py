"""Shows a face that speaks."""
