"""Stand-ins for the outside world: servers that keep to the protocols of Razorpay and Cashfree, of a messaging gateway, of a
log-in provider and of feeds, with faults on demand."""
