"""What makes a deployment good: one file a check, each with its rules. Judging is pure; asking happens elsewhere."""
