"""The `aws` and `random` resource providers, over boto3 and an AWS emulator."""
