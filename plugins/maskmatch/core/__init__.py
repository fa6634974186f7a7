"""How pairs are compared: plain Python that knows neither Airflow nor the network. Start at `comparing`."""
