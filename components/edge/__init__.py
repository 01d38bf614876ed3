"""Load balancer, CDN and WAF."""
