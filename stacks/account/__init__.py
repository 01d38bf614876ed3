"""The kind `account`: what an AWS account has once, whatever environments are in it."""
