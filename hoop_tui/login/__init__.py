"""Signing in: through a browser, with a code, as a machine; and what it gives: a token, and a certificate for ssh.

A `Desk` is where the gateway is asked; `SignedIn` is what it answers. Nothing here prints or draws.
"""
