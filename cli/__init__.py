"""Holdfast on the command line: the HTTP API for people at a terminal, and for scripts."""
