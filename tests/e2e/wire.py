# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""A wire between a client and a server: TCP through a process of ours that
counts, and that takes its time."""

import queue
import socket
import threading
import time

CHUNK = 1 << 16
QUIET = 0.3     # longer than a round trip


class Wire:
    """Connections to .port are ones to a port of 127.0.0.1.

    round_trip: seconds that it takes, half of it each way; to connect takes
    one, too.  Order is kept, and how much fits in is not limited.

    octets: how many passed, both ways.  turns: how often a client said
    something after the server had, which is a round trip; to connect is one.
    """

    def __init__(self, server_port, round_trip=0.0):
        self.server_port = server_port
        self.round_trip = round_trip
        self.octets = self.turns = 0
        self._lock = threading.Lock()
        self._open = set()
        self._listener = None
        self.port = None
        self.mend()

    def counts(self):
        with self._lock:
            return self.turns, self.octets

    def rest(self):
        """Until nothing has passed for a while."""
        before, now = None, self.counts()
        while now != before:
            time.sleep(QUIET)
            before, now = now, self.counts()
        return now

    def cut(self):
        """All connections are lost, and there are no new ones.  May be called
        again."""
        # Only a shutdown ends an accept() that waits.
        self._shut(self._listener, socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for end in self._open:
                self._shut(end, socket.SHUT_RDWR)

    def mend(self):
        """Up again, at the same port."""
        self._listener = socket.create_server(('127.0.0.1', self.port or 0))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept, self._listener)

    close = cut

    @staticmethod
    def _start(function, *args):
        threading.Thread(target=function, args=args, daemon=True).start()

    @staticmethod
    def _shut(end, how):
        try:
            end.shutdown(how)
        except OSError:
            pass        # the other side was faster

    def _accept(self, listener):
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                return
            self._start(self._serve, client, time.monotonic())

    def _serve(self, client, now):
        """One connection, to its end.  The client takes it for open a round
        trip too early: what it says comes as much later."""
        opened = now + self.round_trip
        with self._lock:
            self._open.add(client)
            self.turns += 1
        self._sleep_until(opened + self.round_trip / 2)
        try:
            server = socket.create_connection(('127.0.0.1', self.server_port))
        except OSError:
            server = None
        if server is not None:
            with self._lock:
                self._open.add(server)
            self._carry(client, server, opened)
        with self._lock:
            self._open -= {client, server}
        client.close()

    def _carry(self, client, server, opened):
        spoke = [server]        # last
        ways = [threading.Thread(target=function, args=args, daemon=True)
                for one, other in ((client, server), (server, client))
                for pipe in [queue.SimpleQueue()]
                for function, args in (
                    (self._read, (one, pipe, opened, spoke, one is client)),
                    (self._write, (other, pipe)))]
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for way in ways:
            way.start()
        for way in ways:
            way.join()
        server.close()

    def _read(self, end, pipe, opened, spoke, is_client):
        data = b'-'
        while data:
            try:
                data = end.recv(CHUNK)
            except OSError:
                data = b''
            if data:
                with self._lock:
                    self.octets += len(data)
                    if is_client and spoke[0] is not end:
                        self.turns += 1
                    spoke[0] = end
            due = max(time.monotonic(), opened) + self.round_trip / 2
            pipe.put((due, data))

    def _write(self, end, pipe):
        while True:
            due, data = pipe.get()
            self._sleep_until(due)
            if not data:
                break
            try:
                end.sendall(data)
            except OSError:
                break
        self._shut(end, socket.SHUT_WR)

    @staticmethod
    def _sleep_until(due):
        left = due - time.monotonic()
        if left > 0:
            time.sleep(left)
