"""Any language model behind an OpenAI-compatible server."""
