"""The terminal app for security staff: a client of the HTTP API that shares only the schema with the gateway."""
