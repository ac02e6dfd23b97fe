"""Before anybody is known: the door's settings, algorithms and host key, and who may still knock.

Its central types are `settings.SshDoor` and `doorstep.Doorstep`.
"""
