"""What one process does with permits: it asks for slots, waits, and uses each at its time."""
