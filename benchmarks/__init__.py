"""What `make bench` runs: the budgets of the design, measured from outside the product."""
