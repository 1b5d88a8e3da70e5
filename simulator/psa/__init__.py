"""The ticket systems of MSPs: ConnectWise PSA, Autotask PSA and HaloPSA, from the psa fact sheet. See README.md."""
