"""The door: a person's turn in, an empathetic reply out."""
