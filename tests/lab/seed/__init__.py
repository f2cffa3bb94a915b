"""What is shown in a lab from the seed's own configuration files, and beside it."""
