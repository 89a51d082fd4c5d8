"""A line to a database whose connections go silent, as when its machine dies and another one takes its address."""

import socket
import threading
from contextlib import suppress

from sqlalchemy import make_url


class Line:
    """Listens on a port of loopback, and hands on to *target*; what it hands on after `go_silent` is nothing."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[tuple[socket.socket, socket.socket, threading.Event]] = []
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def through(self, url: str) -> str:
        """The same database, by this line."""
        return make_url(url).set(host="127.0.0.1", port=self.port).render_as_string(hide_password=False)

    def go_silent(self) -> int:
        """From now on nothing comes through the connections that there are, and they stay open; returns how many."""
        found = [silent for *_, silent in self._open if not silent.is_set()]
        for silent in found:
            silent.set()
        return len(found)

    def close(self) -> None:
        self._listening.close()
        for one, other, _ in self._open:
            for end in (one, other):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server, silent = socket.create_connection(("127.0.0.1", self._target)), threading.Event()
                self._open.append((client, server, silent))
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._hand_on, args=(*ends, silent), daemon=True).start()

    @staticmethod
    def _hand_on(here: socket.socket, there: socket.socket, silent: threading.Event) -> None:
        with suppress(OSError):
            while piece := here.recv(65_536):
                if not silent.is_set():
                    there.sendall(piece)
            if not silent.is_set():
                there.shutdown(socket.SHUT_RDWR)
