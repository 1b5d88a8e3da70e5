"""Tickets of a PSA system (professional services automation), as values: requests for work, and our notes."""
