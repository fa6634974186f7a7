"""The service as a web application."""
