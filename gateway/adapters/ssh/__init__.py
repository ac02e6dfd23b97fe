"""The SSH door: stock `ssh` clients in, SSH targets out, one Gate for every session channel.

Central type: `session.SshSession`. Read in this order: `adapter.py` (listens), `greeter.py` (who is it),
`session.py` (the conversation), `relay.py` (bytes both ways), `upstream.py` (toward the target). What has a package
of its own: `door` (strangers), `target` (host keys and credentials), `files`, `sftp`, `forward`, `jump` and `agent`.
"""
