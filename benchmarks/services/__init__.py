"""The bench of the services: what a request costs, and what overload does."""
