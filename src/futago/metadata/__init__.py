"""What instances are told of themselves: cloud-init's EC2 and OpenStack formats, on 169.254.169.254."""
