"""What controls read resources with: views of values, references between resources, policy documents, networks."""
