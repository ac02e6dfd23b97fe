"""Files that ordinary commands carry: `scp -O`, rsync and git, told from other commands and judged.

Its way in is `command.py`, which `session.py` calls once `recognise.py` has named the program.
"""
