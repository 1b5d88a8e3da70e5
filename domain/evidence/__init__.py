"""What a month of a tenant's ledger proves: for how long each setting stood as documented, and what happened else."""
