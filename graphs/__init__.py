"""LangGraph state machines: what runs after what."""
