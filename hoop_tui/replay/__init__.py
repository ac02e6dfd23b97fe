"""Turns a recording's bytes into a picture at any moment. The central type is `player.Player`.

Pure logic for the app's screens: no widgets, no network, no event loop. Read `emulator.py` (what a screen is),
`recording.py` (what was recorded), `projector.py` (bytes to screen), `player.py` (time).
"""
