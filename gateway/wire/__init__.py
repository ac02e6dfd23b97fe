"""What protocols look like on the wire: bytes in, events out, and back. Pure: nothing in here waits or decides.

One module or package for each protocol. The codec turns what a peer sent into values, strictly and within bounds, so
that rooms above never touch raw bytes of a stranger.
"""
