"""Draws a rigged head: layers painted once, warped for each picture, with eyes, brows and mouth on top."""
