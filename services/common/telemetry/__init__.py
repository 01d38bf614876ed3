"""What a service says of itself besides its log: requests by endpoint (metrics), and where a request's time goes (traces)."""
