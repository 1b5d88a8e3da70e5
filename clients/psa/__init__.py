"""The ticket systems of MSPs: each behind one Protocol; webhooks of any."""
