"""StyleTTS2 (Li et al. 2023, arXiv 2306.07691): speech from phonemes and a style vector, at 24 kHz."""
