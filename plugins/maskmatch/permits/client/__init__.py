"""What one process does with permits: it asks for slots, waits as it is told, and uses each at its time."""
