"""PIRenderer (Ren et al. 2021, arXiv:2109.08379): a portrait moved by coefficients of a 3D face model."""
