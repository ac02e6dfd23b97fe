"""The process that consoles are forked from: `python -m hoop_tui.console.zygote SOCKET`.

For each byte that comes over the socket, with a terminal, a line to the API and a leash, it forks a console. On the
leash it is told what to send to that process, and tells how that ended; a leash that is closed kills it. It keeps to
one thread and runs no event loop, or what it forks would have half of each.
"""

import gc
import os
import selectors
import signal
import socket
import sys

from hoop_tui.console import child

ORDER_MOST = 1 << 16
_HEARD = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL})


class Zygote:
    """`run` until the gateway closes its end."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._leashes: dict[int, socket.socket] = {}
        """By the process that each is for."""
        self._watched = selectors.DefaultSelector()

    def run(self) -> None:
        """Returns when the gateway is gone, and nothing that was forked is left."""
        wakes, wake = socket.socketpair()
        wakes.setblocking(False)
        wake.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        self._watched.register(self._control, selectors.EVENT_READ, 0)
        self._watched.register(wakes, selectors.EVENT_READ, -1)
        while True:
            for key, _ in self._watched.select():
                if key.data > 0:
                    self._obey(key.data)
                elif key.data == 0:
                    if not self._fork():
                        return self._end()
                else:
                    _drain(wakes)
            self._reap()

    def _fork(self) -> bool:
        """False: the gateway is gone."""
        said, fds, _, _ = socket.recv_fds(self._control, 1, 3, socket.MSG_CMSG_CLOEXEC)
        if not said:
            return False
        if len(fds) != 3:
            for fd in fds:
                os.close(fd)
            return True
        terminal, api, leash = fds
        with socket.socket(fileno=leash) as told:
            order = told.recv(ORDER_MOST)
            pid = os.fork()
            if not pid:
                child.become(order, terminal, api)
            self._leashes[pid] = told.dup()
        os.close(terminal)
        os.close(api)
        self._tell(pid, f"pid {pid}")
        self._leashes[pid].setblocking(False)
        self._watched.register(self._leashes[pid], selectors.EVENT_READ, pid)
        return True

    def _obey(self, pid: int) -> None:
        """What the gateway sends on a leash are numbers of signals. Not reaped yet, it is still that process."""
        leash = self._leashes.get(pid)
        if leash is None:
            return
        try:
            told = leash.recv(ORDER_MOST)
        except BlockingIOError:
            return
        except OSError:
            told = b""
        if not told:
            os.kill(pid, signal.SIGKILL)
            self._watched.unregister(leash)
            leash.close()
        for word in told.split():
            if word.isdigit() and int(word) in _HEARD:
                os.kill(pid, int(word))

    def _reap(self) -> None:
        for pid in list(self._leashes):
            gone, status = os.waitpid(pid, os.WNOHANG)
            if gone:
                code = os.waitstatus_to_exitcode(status)
                self._tell(pid, f"exit {code}" if code >= 0 else f"signal {-code}")
                leash = self._leashes.pop(pid)
                if leash.fileno() >= 0:
                    self._watched.unregister(leash)
                    leash.close()

    def _tell(self, pid: int, news: str) -> None:
        try:
            self._leashes[pid].send(news.encode() + b"\n")
        except OSError:
            return  # nobody wants to know

    def _end(self) -> None:
        for pid in self._leashes:
            os.kill(pid, signal.SIGKILL)
        for pid in self._leashes:
            os.waitpid(pid, 0)


def _drain(wakes: socket.socket) -> None:
    try:
        while wakes.recv(ORDER_MOST):
            pass
    except BlockingIOError:
        return


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child.be_closed()  # first of all: whoever got into a console has the same account
    child.load()
    gc.collect()
    gc.freeze()  # so that collections in a console do not write to pages that all of them share
    Zygote(socket.socket(fileno=int(sys.argv[1]))).run()


if __name__ == "__main__":
    main()
