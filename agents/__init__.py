"""The steps of a turn: instruction, call and validation of one step each."""
