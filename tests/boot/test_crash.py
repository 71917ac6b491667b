"""A crash that is not lost: a panic is on the screen, in QR codes that zbar reads, and shown by the next boot.

Two boots share a file of the firmware's variables, as two boots of a laptop share its flash; such boots start from the
machine's reset, because a snapshot has its own variables in it.
"""

import re
import struct
import time
from pathlib import Path

import pytest

import harness
import zbar

GUID = "1b6b4c0e-3d52-4b7e-9c41-6b65656c2107"
SAVED = rf"^crash: saved; Linux: tail -c \+29 /sys/firmware/efi/efivars/KeelCrash-{GUID}\s*$"
ENDED = r"^crash: (?:saved|not saved).*$"
READY = r"^keel: ready "


def booted(append, variables, **wishes):
    """One boot until it ends by itself, with variables that stay; what it printed."""
    return harness.boot(append, fresh=True, variables=variables, **wishes)


def panic_text(output):
    """What codes and record must be equal to: from the first line to the last of the backtrace."""
    return output[output.index("panic: "):output.index("crash: saving ")]


def left_text(output):
    """What this boot says that the last one left."""
    return "".join(re.findall(r"^\| (.*\n)", output, re.M))


# ---- The next boot ----

# kind and CPU: any CPU, and in an NMI, where no other one comes before the next IRET
PANICS = [pytest.param("page", id="page", marks=pytest.mark.quick), pytest.param("page 1", id="other-cpu"),
          pytest.param("nmi", id="nmi"), pytest.param("nmi 1", id="nmi-other-cpu", marks=pytest.mark.long),
          pytest.param("double", id="double", marks=pytest.mark.long)]


@pytest.mark.parametrize("fault", PANICS)
def test_panic_is_shown_by_the_next_boot(fault, tmp_path):
    """Shown, kept in memory for `crash`, and gone from the store, so that a third boot says nothing."""
    variables = tmp_path / "variables"
    first = booted(f'run="fault {fault}"', variables)
    assert first.status == 1 and re.search(SAVED, first.text, re.M), first.text[-3000:]
    second = booted('run="vars KeelCrash; crash; poweroff"', variables)
    assert second.status == 0, second.messages
    shown, again = second.text.split("vars: 0 found")
    assert "crash: the last boot ended in a panic" in shown
    assert left_text(shown) == panic_text(first.text)
    assert left_text(again) == panic_text(first.text)
    assert not re.search(r"^panic: ", second.text, re.M), "nobody may take it for a panic of this boot"


def test_nothing_is_said_of_a_boot_that_ended_well():
    with harness.Running(append="") as keel:
        keel.ready()
        assert "crash:" not in keel.output()
        keel.command("crash", r"^crash: the last boot left nothing\s*$")


def test_log_is_saved_and_shown(tmp_path):
    """`save log`: the same way, and once a boot, for flash wears."""
    variables = tmp_path / "variables"
    first = booted('run="log; save log; save log; poweroff"', variables)
    assert len(re.findall(SAVED, first.text, re.M)) == 1
    assert re.search(r"^crash: not saved: it was in this boot, and flash wears\s*$", first.text, re.M)
    second = booted('run="vars KeelCrash; poweroff"', variables)
    assert "crash: the last boot saved its log" in second.text
    logged = re.findall(r"^(\[ *\d+\.\d+\] .*\n)", first.text.split("keel> log")[1], re.M)
    assert len(logged) > 3 and left_text(second.text).startswith("".join(logged))
    assert "vars: 0 found" in second.text


@pytest.mark.parametrize("value, mistake", [
    ("nonsense", "8 bytes: not a record of Keel's"),
    ("KEELSAVE and then something that is no record", "bytes: a record of another version"),
])
def test_what_is_no_record_is_said_and_removed(value, mistake, tmp_path):
    """The store is input: anybody can write there, and flash goes bad."""
    variables = tmp_path / "variables"
    booted(f'run="vars set KeelCrash {value}; poweroff"', variables)
    second = booted('run="vars KeelCrash; crash; poweroff"', variables)
    assert re.search(rf"crash: KeelCrash, .*{mistake}", second.text), second.text[-3000:]
    assert "vars: 0 found" in second.text
    assert "crash: the last boot left nothing" in second.text


@pytest.mark.parametrize("extra", [["-vga", "none"], ["-serial", "none"]], ids=["no-screen", "no-serial"])
def test_panic_without_a_console_is_saved(extra, tmp_path):
    variables = tmp_path / "variables"
    first = booted('run="fault page"', variables, extra=extra)
    assert first.status == 1
    second = booted('run="poweroff"', variables)
    assert left_text(second.text).startswith("panic: page fault in fault_page+"), second.text[-3000:]


# ---- What can go wrong ----

def test_without_runtime_services_it_says_so():
    ended = harness.boot('noruntime run="crash; fault page"')
    assert ended.status == 1
    assert re.search(r"^crash: not saved: noruntime on the command line\s*$", ended.text, re.M), ended.text[-3000:]


# The adversary's script, and what the panic says of it
FAILING = [
    pytest.param("call SetVariable fails", r"not saved: device error", id="fails"),
    pytest.param("call SetVariable pf", r"not saved: it faulted", id="page-fault"),
    pytest.param("call SetVariable gp", r"not saved: it faulted", id="protection"),
    pytest.param("call SetVariable no-resources", r"not saved: out of memory", id="no-resources"),
    pytest.param("call QueryVariableInfo full", r"not saved: no room in the firmware's variable store", id="full"),
    # 2000 / 2, less 256 for the name and what else the firmware keeps, less the record's header
    pytest.param("call QueryVariableInfo tight", r"only 720 bytes: half of what is free", id="tight"),
    pytest.param("call QueryVariableInfo fails", r"saved; Linux: ", id="no-size"),
    pytest.param("call QueryVariableInfo pf", r"saved; Linux: ", id="size-faults"),
    pytest.param("runtime-supported 0x1fff", r"saved; Linux: ", id="size-unsupported"),
    pytest.param("runtime-supported 0x3fbf", r"not saved: not supported after the hand-off", id="unsupported"),
]


@pytest.mark.quirk("C51", outcome="the panic is printed; that it is not saved, too", row="panic")
@pytest.mark.parametrize("script, said", FAILING)
def test_firmware_that_cannot_save_loses_nothing_else(script, said, image_of):
    """The text, the screen and the verdict are there whatever becomes of the call."""
    with harness.Running(image=image_of(script), append='run="fault page"', cpus=2) as keel:
        keel.wait(READY, seconds=harness.BOOT_SECONDS)
        keel.wait(rf"^crash: {said}")
        assert harness.verdict(*keel.ended())[0] == 1
        assert panic_text(keel.output()).count("\n") > 10
        assert "again, while panicking" not in keel.output()


@pytest.mark.parametrize("append", ['run="fault page"', 'run="fault nmi"', 'cpus=1 run="fault page"',
                                    'cpus=1 run="fault nmi"'],
                         ids=["other-cpu", "nmi-other-cpu", "timer", "nmi-timer"])
def test_call_that_never_returns_is_ended(append, image_of):
    """By a CPU that the panic stopped, or by the timer; in an NMI handler after the CPU was made to take NMIs again."""
    with harness.Running(image=image_of("call SetVariable hang"), append=append, cpus=2) as keel:
        keel.wait(r"^adversary: never returns", seconds=harness.BOOT_SECONDS)
        keel.wait(r"^crash: not saved: it did not return")
        assert harness.verdict(*keel.ended())[0] == 1


def test_panic_inside_a_firmware_call_leaves_the_firmware_alone(image_of):
    """The lock is held and nobody knows what the firmware was in the middle of: it is not called again."""
    with harness.Running(image=image_of("call GetTime nmi"), append='run="time"', cpus=2) as keel:
        keel.wait(r"^panic: non-maskable interrupt", seconds=harness.BOOT_SECONDS)
        keel.wait(r"^crash: not saved: a call was under way\s*$")
        assert harness.verdict(*keel.ended())[0] == 1


def test_panic_inside_a_panic_goes_on(image_of):
    """In the middle of its own firmware call: what was printed stays, and what is left to do is done."""
    with harness.Running(image=image_of("call SetVariable nmi"), append='run="fault page"', cpus=2) as keel:
        keel.wait(r"^panic: page fault", seconds=harness.BOOT_SECONDS)
        keel.wait(r"^panic: again, while panicking: non-maskable interrupt")
        assert harness.verdict(*keel.ended())[0] == 1


# edk2, MdeModulePkg, AuthenticatedVariableFormat.h: the store's header and a variable's
STORE_GUID = bytes.fromhex("782cf3aa7b949a43a1802e144ec37792")
VARIABLE = struct.Struct("<HBBIQ16sIII16s")
ADDED = 0x3F


def filled(path, left_bytes):
    """Puts variables into OVMF's store until so much is free, and takes out what was deleted."""
    data = bytearray(Path(path).read_bytes())
    store = data.index(STORE_GUID)
    end = store + struct.unpack_from("<I", data, store + 16)[0]
    at, kept = store + 28, b""
    while data[at:at + 2] == b"\xaa\x55":
        name_bytes, value_bytes = struct.unpack_from("<II", data, at + 36)
        after = (at + VARIABLE.size + name_bytes + value_bytes + 3) & ~3
        kept += data[at:after] if data[at + 2] == ADDED else b""
        at = after
    for number in range(100):
        name = f"F{number:04}\0".encode("utf-16-le")
        room = end - left_bytes - (store + 28) - len(kept) - VARIABLE.size - len(name)
        if room < 4:
            break
        value = bytes(min(8192, room) & ~3)
        kept += VARIABLE.pack(0x55AA, ADDED, 0, 7, 0, bytes(16), 0, len(name), len(value), b"keel test store ") + name
        kept += value
    data[store + 28:end] = kept.ljust(end - store - 28, b"\xff")
    Path(path).write_bytes(data)


@pytest.mark.long  # of a store that is full, OVMF writes every byte anew at each boot, one at a time
def test_store_that_is_full_stays_as_it_is(tmp_path):
    """There are machines that never start again then: of the last bytes nothing is taken."""
    variables = tmp_path / "variables"
    booted('run="poweroff"', variables)  # the firmware puts in what it keeps there
    filled(variables, 400)
    with harness.Running(append='run="report; fault page"', fresh=True, variables=variables) as keel:
        keel.wait(READY, seconds=5 * harness.BOOT_SECONDS)
        free = int(keel.wait(r"^variable store: total=\d+ free=(\d+) largest=\d+\s*$").group(1))
        assert free // 2 < 512, "this row needs a full store"
        keel.wait(r"^crash: not saved: no room in the firmware's variable store\s*$")
        assert harness.verdict(*keel.ended())[0] == 1
