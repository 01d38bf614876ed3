"""Load balancers: listeners, rules, target groups and their health checks."""
