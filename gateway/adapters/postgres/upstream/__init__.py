"""Toward the server: finding it, encrypting, signing in with the target's credential, and cancelling.

Its central types are `Dialler` (in dial.py, which says what it reads of a target) and `Server`, what it comes back
with. The person's own messages begin where a Server is handed over.
"""
