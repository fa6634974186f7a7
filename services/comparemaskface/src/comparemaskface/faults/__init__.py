"""What the service can be told to let go wrong."""
