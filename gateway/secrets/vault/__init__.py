"""Vault and OpenBao: reads secrets, has keys signed, and borrows accounts of databases.

Central type: `client.Vault`, the server as the gateway signed in to it. What it answers is never shown or logged.
"""
