"""Tickets of a PSA system (professional services automation), as values: what asks for work, and what is told."""
