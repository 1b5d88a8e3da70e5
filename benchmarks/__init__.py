"""What `make bench` runs: the budgets, measured from outside the product."""
