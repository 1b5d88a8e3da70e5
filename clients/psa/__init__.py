"""The ticket systems of MSPs: ConnectWise PSA, Autotask PSA and HaloPSA behind one Protocol; webhooks of any."""
