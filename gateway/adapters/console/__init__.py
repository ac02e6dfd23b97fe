"""`ssh -t console@gateway`: the terminal app for staff who have nothing but ssh, served by the gateway itself.

Its central type is `inside.ConsoleInside`. The app runs in a process of its own for each person, forked from one that
has it loaded (`zygote.py` here, `hoop_tui/console/` there), and speaks to the API over sockets that only it has.
"""
