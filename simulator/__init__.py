"""Microsoft 365 and DNS as state machines, for tests, the demonstration and the bench. Start with README.md."""
