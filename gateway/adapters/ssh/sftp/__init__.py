"""Files over SFTP, which is also what `scp` speaks: each request judged for the path that the target resolved.

Its way in is `session.py`. The codec is `gateway/wire/sftp`.
"""
