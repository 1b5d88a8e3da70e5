"""`make soak`: a fleet, two hosts of which one is killed again and again, and settings that are broken at random.

What is measured is what a customer would notice: how long after the simulated tenant itself changed the drift is in the
ledger, and how long until it is proven put back; whether anything was lost or written twice; what it costs.
"""
