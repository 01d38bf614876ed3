"""What a Pulumi stack is made of; __main__.py chooses by the stack's kind (kinds.py)."""
