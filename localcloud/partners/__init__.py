"""Stand-ins for the outside world: servers that keep to the protocols of Razorpay and Cashfree, with faults on demand."""
