"""CloudFront, as far as one machine shows it: a distribution's behaviors, functions, cache and errors, before the ingress."""
