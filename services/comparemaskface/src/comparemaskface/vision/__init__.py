"""From two pictures to a score."""
