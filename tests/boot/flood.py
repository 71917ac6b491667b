"""Ethernet frames into a machine's network card, one after the other, for as long as the `with` lasts.

The card is told of in the machine's shape (ARGUMENTS); what it is plugged into is QEMU's hub, to which the flood is
connected when the machine runs, so that the shape has no port number in it and a snapshot serves.
"""

import socket
import struct
import threading
import time

ARGUMENTS = ["-netdev", "hubport,id=card,hubid=0", "-device",
             "virtio-net-pci,netdev=card,disable-modern=on,disable-legacy=off,rx_queue_size=1024,romfile="]

FRAME_SECONDS = 0.005  # 1024 buffers last five seconds, and a boot gets a dozen frames between its exit and its silence
FRAME_BYTES = 96

# To all, from a local address, of a type that is for experiments (IEEE 802, table 3); then words that are easily seen.
HEADER = b"\xff" * 6 + b"\x02\x00\x00\x00\x00\x01" + b"\x88\xb5"
WORDS = b"flood of frames "


class Flood:
    """with Flood(keel, after="adversary: ..."): frames come from when the machine has said that."""

    def __init__(self, keel, after):
        self.keel = keel
        self.after = after
        self.sent = 0
        self.ended = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(20)
            keel.qmp.command("netdev_add", type="socket", id="flood", connect=f"127.0.0.1:{listener.getsockname()[1]}")
            keel.qmp.command("netdev_add", type="hubport", id="flood-port", hubid=0, netdev="flood")
            self.line = listener.accept()[0]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        """QEMU's framing: each frame behind its length. What the machine sends is not read; it is little."""
        while self.after not in self.keel.output():
            if self.ended.wait(FRAME_SECONDS):
                return
        while not self.ended.wait(FRAME_SECONDS):
            frame = (HEADER + struct.pack(">I", self.sent) + WORDS * FRAME_BYTES)[:FRAME_BYTES]
            try:
                self.line.sendall(struct.pack(">I", len(frame)) + frame)
            except OSError:
                return  # the machine has ended
            self.sent += 1

    def wait(self, more, seconds=20):
        """Until so many more have been sent."""
        goal, deadline = self.sent + more, time.monotonic() + seconds
        while self.sent < goal:
            assert time.monotonic() < deadline, f"QEMU takes no more frames after {self.sent}"
            time.sleep(FRAME_SECONDS)

    def close(self):
        self.ended.set()
        self.line.close()
        self.thread.join(20)
