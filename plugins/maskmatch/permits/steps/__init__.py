"""The pure steps of a permit: from one state of the shared document to the next. No clock, no network."""
