"""Any causal language model of transformers."""
