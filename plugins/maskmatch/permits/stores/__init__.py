"""Where the shared document lies: each store changes it in one atomic step."""
