"""CloudWatch's part of the data plane: metrics of what runs here, and the deployed alarms evaluated on them."""
