"""What a month of a plan costs by AWS's list prices: prices.yaml, what each kind of resource uses, and the sum. Pure."""
