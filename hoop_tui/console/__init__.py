"""The app served by the gateway over ssh: what is different where it runs there, for somebody at the other end.

`zygote.py` is the process that has everything loaded and forks one for each person; `child.py` is what becomes of
that; `app.py` is the app in it, and `line.py` its way to the gateway's API. docs/console.md says what it can do.
"""
