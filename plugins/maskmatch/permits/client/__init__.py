"""What one process does with permits: it asks for slots, waits, uses each in time, and shows itself."""
