"""Talks to a running QEMU over QMP (QEMU, docs/interop/qmp-spec): commands and their answers, and events.

QEMU is the side that connects, so that it waits for us and no event can be missed: listen first, start QEMU with
arguments(), then accept.
"""

import json
import socket
import time


class QmpError(Exception):
    """QEMU refused a command, or is gone."""


class Listener:
    """A socket that a QEMU about to be started will connect to."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(1)

    def arguments(self):
        return ["-chardev", f"socket,id=keel-qmp,path={self.path}", "-mon", "chardev=keel-qmp,mode=control"]

    def accept(self, alive, seconds=20):
        """The connection, or None when alive() says that QEMU ended before it connected."""
        deadline = time.monotonic() + seconds
        self.socket.settimeout(0.05)
        while time.monotonic() < deadline:
            try:
                return Qmp(self.socket.accept()[0])
            except socket.timeout:
                if not alive():
                    return None
        raise QmpError(f"QEMU did not connect within {seconds} s")


class Qmp:
    def __init__(self, connection):
        self.socket = connection
        self.lines = connection.makefile("r", encoding="utf-8")
        self.events = []  # every event so far, oldest first
        self.socket.settimeout(20)
        self.lines.readline()  # the greeting
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        """Runs one command; returns what it returns."""
        message = {"execute": name}
        if arguments:
            message["arguments"] = {key.replace("_", "-"): value for key, value in arguments.items()}
        try:
            self.socket.sendall(json.dumps(message).encode() + b"\n")
            while True:
                answer = self.receive()
                if answer is None:
                    raise QmpError(f"{name}: QEMU is gone")
                if "error" in answer:
                    raise QmpError(f"{name}: {answer['error']['desc']}")
                if "return" in answer:
                    return answer["return"]
        except OSError as error:
            raise QmpError(f"{name}: {error}") from error

    def receive(self):
        """The next message, events being kept; None at the end of the connection."""
        line = self.lines.readline()
        if not line:
            return None
        message = json.loads(line)
        if "event" in message:
            self.events.append(message)
        return message

    def wait(self, event):
        """Waits for an event of that name, unless it came already."""
        while not any(message["event"] == event for message in self.events):
            try:
                if self.receive() is None:
                    raise QmpError(f"{event}: QEMU is gone")
            except OSError as error:
                raise QmpError(f"{event}: {error}") from error

    def drain(self):
        """Reads events until QEMU closes the connection."""
        self.socket.settimeout(None)
        try:
            while self.receive() is not None:
                pass
        except (OSError, ValueError):
            pass

    def shutdown_reason(self):
        """Why the machine stopped (QEMU, qapi/run-state.json, ShutdownCause), or None if it did not say."""
        for event in self.events:
            if event["event"] == "SHUTDOWN":
                return event["data"].get("reason", "unknown")
        return None
