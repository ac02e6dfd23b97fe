"""How a client of PostgreSQL is met: TLS, the start-up packet and what it asks for, and signing in.

Its central type is `door.Door`; `greet.greet` does it. What happens inside, once somebody is in, is not known here.
"""
