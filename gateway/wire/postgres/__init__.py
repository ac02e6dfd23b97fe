"""PostgreSQL's protocol, versions 3.0 and 3.2, both directions.

Central types: `startup.StartupReader` for how a conversation begins, then `frames.FrontendReader` for what a client
sends and `frames.BackendReader` for what a server answers. All are pulled: `receive` bytes, then `next` until it says
None. Whatever is not PostgreSQL is `Malformed`; nothing else escapes. What is in a message: `messages`.
"""
