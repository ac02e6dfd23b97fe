"""Ends the app when its terminal is gone and no signal has said so: under `nohup`, or where it was never the
terminal of a session. The toolkit would read the end of it again and again, for ever.
"""

import os
import select
import signal
import threading

_CODE = 128 + signal.SIGHUP
"""As of whom the signal has ended."""


def end_with_terminal(fd: int) -> None:
    """From now on, whatever else goes on: what writes to a terminal that is gone may wait for ever."""
    threading.Thread(target=_wait, args=(fd,), name="hoop-hang-up", daemon=True).start()


def _wait(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, 0)
    if any(what & select.POLLHUP for _, what in poll.poll()):
        os._exit(_CODE)
