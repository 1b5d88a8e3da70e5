"""The ticket systems of MSPs: ConnectWise PSA, Autotask PSA and HaloPSA, from docs/reference/psa.md. See README.md."""
