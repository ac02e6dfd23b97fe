"""The terminal app for security staff. A client of the HTTP API; it shares nothing with the gateway but the schema."""
