"""Where order lives: who may enter, what is admitted, what is revealed, when a human decides.

Central type: `gate.Gate`, one per session. Adapters enter through `lobby.Lobby` and then speak to their Gate
only; nothing here knows a protocol, a database or a file.
"""
