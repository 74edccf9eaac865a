"""Runs a service: on Ray Serve, or bare on `grpc.aio`, with the same behaviour."""
