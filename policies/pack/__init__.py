"""The policy pack as Pulumi's engine runs it."""
