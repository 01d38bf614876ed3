"""What a service says of itself besides its log: requests by endpoint, and one id for all that a request causes."""
