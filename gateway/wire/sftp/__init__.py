"""SFTP as it is spoken everywhere: version 3 of its draft, with the extensions of OpenSSH that are understood here.

Central type: `codec.Requests` for what a client sends, `codec.Replies` for what a server answers. Both are pulled:
`receive` bytes, then `next_message` until it says None. Whatever is not SFTP is `Malformed`; nothing else escapes.
"""
