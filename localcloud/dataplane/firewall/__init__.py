"""Web ACLs of AWS WAF at the ingress: what of their rules can be judged on one machine."""
