"""Security groups between tasks and data stores: which connections may be opened."""
