"""Boots Keel in QEMU; the exit status is the kernel's verdict. Started by image/run.

  0    the kernel powered the machine off
  1    a panic, a failed test, or the machine was reset
  2    the machine did not start: a tool is missing, the build failed, QEMU refused
  124  it was still running after --timeout seconds
  130  it was ended from outside: Ctrl-A X, Ctrl-C, the window closed

QEMU's own exit status tells a panic (isa-debug-exit) but not a power-off from a reset, so the reason comes from QMP.
"""

import argparse
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import firmware
import machine
import qmp
import waiting

SETUP = machine.ROOT / "image" / "setup"
SIGN = machine.ROOT / "image" / "sign"
ESP = machine.ROOT / "image" / "esp"
ISO = machine.ROOT / "image" / "iso"
KERNEL = machine.ROOT / "build" / "keel.efi"
SYMBOLS = machine.ROOT / "build" / "keel.debug.efi"  # image/debug.py reads it

GDB_PORT = 1234  # which every guide to QEMU's -s names

OK, FAILED, NOT_STARTED, TIMED_OUT, ENDED_FROM_OUTSIDE = 0, 1, 2, 124, 130

EPILOG = """\
The console is this terminal. Keys: Ctrl-A X ends QEMU, Ctrl-A C reaches QEMU's monitor and back, Ctrl-A Ctrl-A
sends a Ctrl-A; everything else, Ctrl-C too, goes to Keel.
With --gdb QEMU waits until image/gdb is started in another terminal (docs/debugging.md).
With --firmware ovmf-secure the kernel is signed first, by --key or Debian's test key; an --image boots as it is.
Environment: QEMU, OVMF_CODE, OVMF_VARS, CLANG, LLD_LINK, NASM, PYTHON name other tools and files; KEEL_KEY,
KEEL_CERT and KEEL_PASSPHRASE stand for --key, --cert and the key's passphrase.
Exit status: 0 after a power-off by the kernel; 1 after a panic, a failed test or a reset; 2 when nothing was
started; 124 after a time-out; 130 when ended from outside."""


def say(text):
    print(f"image/run: {text}", file=sys.stderr, flush=True)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="image/run", description="Build Keel and boot it in QEMU.", epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--headless", action="store_true", help="no window, even where there is a display")
    parser.add_argument("--memory", default="512M", metavar="SIZE", help="memory, such as 512M or 2G (%(default)s)")
    parser.add_argument("--cpus", type=int, default=4, metavar="N", help="number of CPUs (%(default)s)")
    parser.add_argument("--firmware", default="ovmf", metavar="NAME|PATH",
                        help="ovmf, ovmf-secure, uboot, or a firmware file (%(default)s)")
    parser.add_argument("--key", metavar="FILE", help="with ovmf-secure: sign with this private key (PEM) ...")
    parser.add_argument("--cert", metavar="FILE", help="... to which this certificate (PEM) belongs")
    parser.add_argument("--append", metavar="TEXT", help="kernel command line, such as 'run=\"mem; poweroff\"'")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="end QEMU and fail after so long")
    parser.add_argument("--image", type=Path, metavar="FILE", help="boot this image and build nothing")
    parser.add_argument("--disk", default="sata", choices=machine.DISKS,
                        help="how the machine has the image: %(choices)s (%(default)s)")
    parser.add_argument("--gdb", action="store_true", help="wait for gdb, which image/gdb starts in another terminal")
    parser.add_argument("--gdb-port", type=int, metavar="N", help="... on this port of localhost (1234)")
    parser.add_argument("--dry-run", action="store_true", help="print the QEMU command and do nothing")
    parser.add_argument("--doctor", action="store_true", help="say what was found and what is missing, do nothing")
    parser.add_argument("extra", nargs="*", metavar="-- ARGUMENTS", help="more arguments for QEMU")
    words, extra = arguments, []
    if "--" in arguments:
        split = arguments.index("--")
        words, extra = arguments[:split], arguments[split + 1:]
    options = parser.parse_args(words)
    if options.extra:
        parser.error(f"unknown argument {options.extra[0]}; arguments for QEMU come after --")
    options.extra = extra
    if options.gdb and options.image:
        parser.error("--gdb boots what it builds: there are no symbols for an --image")
    if options.gdb_port and not options.gdb:
        parser.error("--gdb-port goes with --gdb")
    options.gdb_port = options.gdb_port or (GDB_PORT if options.gdb else None)
    options.medium = machine.ISO if options.disk == "cdrom" else machine.IMAGE
    options.signed = options.firmware == firmware.SECURE and not options.image
    if (options.key or options.cert) and not options.signed:
        parser.error("--key and --cert sign what is built for --firmware ovmf-secure; image/sign signs anything else")
    if bool(options.key) != bool(options.cert):
        parser.error("--key and --cert go together")
    return options


def sets(options):
    """What image/setup is to provide."""
    return ["run", *["uboot"] * (options.firmware == "uboot"), *["secure"] * (options.firmware == firmware.SECURE),
            *["iso"] * (options.disk == "cdrom" and not options.image), *["gdb"] * options.gdb,
            *["window"] * (not options.headless)]


def build(*targets):
    """Brings the targets up to date with the tools that image/setup found. Build output goes to stderr."""
    found = subprocess.run([SETUP, "--env"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    environment = dict(line.split("=", 1) for line in found) | dict(os.environ)
    names = [path.relative_to(machine.ROOT) for path in targets]
    ninja = subprocess.Popen(["ninja", "-C", machine.ROOT, *names], env=environment, text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for line in ninja.stdout:
        if not line.startswith(("ninja: Entering directory", "ninja: no work to do")):
            sys.stderr.write(line)
    return ninja.wait() == 0


def image_of_our_own(options, directory):
    """An image, made in the directory, with a kernel that waits for gdb or is signed, or both."""
    kernel, signed, image = KERNEL, Path(directory, "signed.efi"), Path(directory, "medium")
    commands = []
    if options.gdb:
        kernel = Path(directory, "waiting.efi")
        waiting.write(KERNEL, kernel)
    if options.signed:
        key = ["--key", options.key, "--cert", options.cert] if options.key else []
        commands.append([SIGN, kernel, signed, *key])
        kernel = signed
    for command in (*commands, [ISO if options.medium == machine.ISO else ESP, image, kernel]):
        if subprocess.run([sys.executable, *command]).returncode != 0:
            raise machine.MachineError("there is no image to boot")
    return image


def described(options, command):
    """The QEMU command as a person can paste it."""
    notes = []
    if options.gdb:
        notes.append("# with a copy of the image, the kernel in it waiting at its entry point (image/waiting.py)")
    if options.signed:
        notes.append("# with a copy of the image, the kernel in it signed by image/sign")
    if options.append:
        notes.append(f"# with this text in \\keel\\cmdline.txt of a copy of the image: {options.append}")
    return "\n".join(notes + [" ".join(shlex.quote(str(word)) for word in command)])


def doctor(options):
    def version(*command):
        path = shutil.which(command[0])
        if not path:
            return "not found"
        ran = subprocess.run([path, *command[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        return f"{path}: {(ran.stdout.splitlines() or ['no answer'])[0].strip()}"

    def firmware_files(name):
        try:
            found = firmware.find(name)
        except firmware.FirmwareError as error:
            return str(error)
        return " + ".join(part for part in (found.code, found.variables) if part)

    found = subprocess.run([SETUP, "--env"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    tools = dict(line.split("=", 1) for line in found)
    qemu = os.environ.get("QEMU") or "qemu-system-x86_64"
    rows = [("clang", version(tools.get("CLANG", "clang"), "--version")),
            ("lld", version(tools.get("LLD_LINK", "lld-link"), "--version")),
            ("nasm", version(os.environ.get("NASM") or "nasm", "-v")),
            ("ninja", version("ninja", "--version")),
            ("mtools", version("mformat", "--version")),
            ("xorriso", version("xorriso", "-version")),
            ("gdb", version("gdb", "--version")),
            ("python", f"{sys.executable}: Python {platform.python_version()}"),
            ("qemu", version(qemu, "--version")),
            ("ovmf", firmware_files("ovmf")),
            ("ovmf-secure", firmware_files("ovmf-secure")),
            ("sbsign", version("sbsign", "--version")),
            ("uboot", firmware_files("uboot")),
            ("accel", ", then ".join(machine.accelerators()) if shutil.which(qemu) else "unknown without QEMU"),
            ("window", "no" if options.headless else "yes")]
    for name, text in rows:
        print(f"{name:11} {text}")
    sys.stdout.flush()
    return subprocess.run([SETUP, "--check", *sets(options), "test"]).returncode


def owns_terminal():
    """Whether QEMU may read from stdin: a background job that touches its terminal would be stopped."""
    try:
        return not os.isatty(0) or os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


class TerminalKept:
    """QEMU makes the terminal raw and its files non-blocking; this puts them back even when QEMU was killed."""

    def __enter__(self):
        self.attributes = None
        if os.isatty(0) and owns_terminal():
            import termios
            self.attributes = termios.tcgetattr(0)

    def __exit__(self, *_):
        for descriptor in (0, 1, 2):
            try:
                os.set_blocking(descriptor, True)
            except OSError:
                pass
        if self.attributes:
            import termios
            termios.tcsetattr(0, termios.TCSADRAIN, self.attributes)


def end(process):
    """Ends QEMU: kindly, then surely."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def verdict(code, reason):
    """The exit status and a sentence for it, from QEMU's exit status and from what QMP said."""
    if code == machine.EXIT_PANIC:
        return FAILED, "the kernel panicked"
    if code == machine.EXIT_TESTS_FAILED:
        return FAILED, "a test failed in the kernel"
    if code < 0:
        return FAILED, f"QEMU was killed by signal {-code}"
    if code == 1 and reason is None:
        return NOT_STARTED, "QEMU did not start"
    if code != 0:
        return FAILED, f"QEMU ended with status {code}"
    if reason == "guest-shutdown":
        return OK, None
    if reason == "guest-reset":
        return FAILED, "the machine was reset"
    if reason == "guest-panic":
        return FAILED, "the guest reported a panic to QEMU"
    return ENDED_FROM_OUTSIDE, f"ended from outside ({reason or 'by hand'}), not by the kernel"


def watch(process, listener, timeout):
    """Waits for QEMU's end; returns its exit status and the reason of the shutdown. TimeoutExpired when late."""
    link = listener.accept(alive=lambda: process.poll() is None)
    if link is None:
        return process.wait(), None
    reader = threading.Thread(target=link.drain, daemon=True)
    reader.start()
    code = process.wait(timeout)
    reader.join(5)
    return code, link.shutdown_reason()


def boot(wished, options):
    timeout = options.timeout
    with tempfile.TemporaryDirectory(prefix="keel-") as directory, TerminalKept():
        if options.gdb or options.signed:
            wished.image = image_of_our_own(options, directory)
        wished.prepare(directory)
        if options.gdb:
            say_how_to_attach(options.gdb_port)
        listener = qmp.Listener(Path(directory) / "qmp")
        stdin = None if owns_terminal() else subprocess.DEVNULL
        process = subprocess.Popen([*wished.command(), *listener.arguments()], stdin=stdin)
        try:
            return verdict(*watch(process, listener, timeout))
        except subprocess.TimeoutExpired:
            return TIMED_OUT, f"still running after {timeout:g} s: timed out"
        except KeyboardInterrupt:
            return ENDED_FROM_OUTSIDE, "interrupted"
        finally:
            end(process)


def say_how_to_attach(port):
    """The console is this terminal, so gdb needs another one."""
    say("QEMU waits for gdb: type in another terminal")
    words = [str(machine.ROOT / "image" / "gdb"), *([] if port == GDB_PORT else ["--port", str(port)])]
    print(f"    {shlex.join(words)}", file=sys.stderr, flush=True)


def ensure_descriptors():
    """A closed stdin, stdout or stderr would otherwise become some other file of ours."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    ensure_descriptors()
    options = parse(sys.argv[1:])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    options.headless = options.headless or not machine.has_display()
    if options.doctor:
        return doctor(options)
    if not options.dry_run:
        if subprocess.run([SETUP, *sets(options)]).returncode != 0:
            return NOT_STARTED
        if not options.image and not build(options.medium, *[SYMBOLS] * options.gdb):
            say("the build failed")
            return NOT_STARTED
    wished = machine.Machine(options.memory, options.cpus, options.firmware, options.headless, options.append,
                             options.image or options.medium, options.extra, disk=options.disk,
                             gdb_port=options.gdb_port)
    if options.dry_run:
        print(described(options, wished.command()))
        return OK
    status, sentence = boot(wished, options)
    if sentence:
        say(sentence)
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (machine.MachineError, firmware.FirmwareError, qmp.QmpError, OSError) as error:
        say(error)
        sys.exit(NOT_STARTED)
    except KeyboardInterrupt:
        sys.exit(ENDED_FROM_OUTSIDE)
