"""What the embedded backend makes of each modality."""
