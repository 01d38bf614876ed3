"""VPC, subnets, endpoints and flow logs."""
