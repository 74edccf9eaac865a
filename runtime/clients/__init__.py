"""Calls services: over gRPC, or in the same process."""
