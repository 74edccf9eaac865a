"""What is done where somebody may be in danger: seeing it, answering with care, naming who can help."""
