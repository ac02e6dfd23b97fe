"""Before anybody is known: the door's settings, algorithms and host key, and codes to sign in by.

Its central type is `settings.SshDoor`.
"""
