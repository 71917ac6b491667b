#!/usr/bin/env python3
"""Writes tests/fuzz/seeds: small inputs that bring each fuzzer behind the first checks, many from tests/maps.

A seed that a fuzzer found (the name tells what it was) is not made here and is left alone. Formats: the head comment of
each target; short rows: input.h.
"""

import pathlib
import struct
import sys
import zlib

HERE = pathlib.Path(__file__).resolve().parent
MAPS = HERE.parent / "maps"
SEEDS = HERE / "seeds"
sys.path.insert(0, str(MAPS))

import model  # noqa: E402  (the reader of maps)

RUNTIME, SPECIFIC_PURPOSE, WRITE_BACK = model.RUNTIME, model.SPECIFIC_PURPOSE, model.WRITE_BACK
RECORDED = ["45-hyperv-gen2-kdump", "39-apple-imac-2006-efishell", "29-qemu-ovmf-mikan-rkarsnk",
            "07-intel-brickland-boot1", "14-lenovo-x1c7-acoutts"]


def write(target, name, data):
    (SEEDS / target).mkdir(parents=True, exist_ok=True)
    (SEEDS / target / f"{name}.seed").write_bytes(data)


def raw(rows, stride=40):
    return b"".join(struct.pack("<IIQQQQ", kind, 0, start, 0, pages, attribute).ljust(stride, b"\xa5")
                    for kind, start, pages, attribute in rows)


def short(rows):
    """8 bytes a row; what does not fit into 64 GiB is left out."""
    data = b""
    for kind, start, pages, attribute in rows:
        if start // 4096 >= 1 << 24 or pages >= 1 << 24:
            continue
        flags = 0 if attribute & WRITE_BACK else 1
        flags |= 2 if attribute & RUNTIME else 0
        flags |= 4 if attribute & SPECIFIC_PURPOSE else 0
        flags |= 0x20 if start % 4096 else 0
        data += bytes([min(kind, 16), flags]) + (start // 4096).to_bytes(3, "little") + pages.to_bytes(3, "little")
    return data


def maps():
    paths = [MAPS / f"{name}.map" for name in RECORDED] + sorted((MAPS / "made").glob("*.map"))
    paths += sorted((MAPS / "refused").glob("*.map"))
    return [(path.stem, model.read(path)) for path in paths]


def memmap_seeds():
    for number, (name, rows) in enumerate(maps()):
        stride = [40, 48, 0, 64][number % 4]
        claims = [b"", struct.pack("<I", 0x100) + b"\x40\x00\x00" + bytes([number % 3])][number % 2]
        head = bytes([stride, 1, len(claims) // 8, 34])
        write("memmap", name, head + claims + raw(rows[:64], stride or 40))


def mm_seeds():
    for number, (name, rows) in enumerate(maps()):
        segments = b"" if number % 2 else b"\x00\x20\x00\x00\x00\x10\x00\x00\x40\x20\x00\x00\x00\x08\x00\x01"
        keeps = b"" if number % 3 else b"\x10\x01\x00\x10\x00\x02\x00\x00"
        head = bytes([number % 8, len(segments) // 8, 0, len(keeps) // 8, number % 32, number, 0, 0])
        write("first_map", name, bytes([number % 2, number % 4]) + short(rows[:100]))
        write("mm", name, head + segments + keeps + short(rows[:100]))
    no_room = bytes([4, 0, 0, 0, 0, 0, 0, 0])
    write("mm", "found-no-region-at-all", no_room + short([(7, 0x100000, 0, 15)]))
    low_segment = bytes([0, 1, 0, 0, 0, 0, 0, 0]) + b"\x10\x00\x00\x00\x00\x00\x00\x01"
    write("mm", "found-temporary-segment-below-1mib", low_segment + short([(2, 0, 160, 15)]))


def attributes_seeds():
    rows = [(7, 0, 16, 15), (5, 0x10000, 16, 15 | RUNTIME), (6, 0x20000, 32, 15 | RUNTIME),
            (11, 0x40000, 4, 1 | RUNTIME), (6, 0x50000, 8, 1 | RUNTIME), (3, 0x60000, 8, 15 | RUNTIME)]
    entries = [(5, 0x10000, 4, 1 << 17), (5, 0x14000, 4, 1 << 14), (6, 0x20000, 32, 1 << 14), (6, 0x21000, 1, 1 << 17),
               (6, 0x50000, 8, 1 << 14), (5, 0x18000, 1, 0)]
    for stride in (40, 48):
        table = struct.pack("<IIII", 1, len(entries), stride, 0) + raw(entries, stride)
        write("attributes", f"stride-{stride}", bytes([len(rows)]) + short(rows) + table)
    unaligned = [(7, 0, 16, 15), (5, 0x10800, 16, 15 | RUNTIME), (6, 0x30800, 2, 1 | RUNTIME)]
    write("attributes", "found-unaligned-code", bytes([len(unaligned)]) + short(unaligned))
    absurd = struct.pack("<IIII", 2, 0xFFFFFFFF, 40, 0) + raw(entries)
    write("attributes", "absurd-count", bytes([len(rows)]) + short(rows) + absurd)
    for name, recorded in maps()[:3]:
        near = [(kind, start % 0x400000, pages % 256, attribute) for kind, start, pages, attribute in recorded[:32]]
        table = struct.pack("<IIII", 1, 1, 40, 0) + raw(entries[:1])
        write("attributes", name, bytes([len(near)]) + short(near) + table)


def table(signature, body, faults=0):
    return struct.pack("<BBH", signature, faults, len(body)) + body


def acpi_seeds():
    madt = struct.pack("<II", 0xFEE00000, 1) + bytes([0, 8, 0, 0, 1, 0, 0, 0]) + bytes([0, 8, 1, 1, 1, 0, 0, 0])
    madt += bytes([1, 12, 2, 0]) + struct.pack("<II", 0xFEC00000, 0) + bytes([2, 10, 0, 0, 2, 0, 0, 0, 5, 0])
    madt += bytes([9, 16, 0, 0]) + struct.pack("<III", 300, 1, 7) + bytes([4, 6, 255, 5, 0, 1])
    fadt = bytearray(208)
    struct.pack_into("<I", fadt, 76 - 36, 0x608)
    struct.pack_into("<I", fadt, 64 - 36, 0x604)
    struct.pack_into("<I", fadt, 112 - 36, 1 << 10 | 1 << 8)
    fadt[116 - 36:128 - 36] = bytes([1, 8, 0, 1]) + struct.pack("<Q", 0xCF9)
    dsdt = b"\x08_S5_\x12\x06\x04\x0a\x05\x0a\x05\x00\x00"
    hpet = struct.pack("<I", 0x8086A201) + bytes([0, 64, 0, 0]) + struct.pack("<Q", 0xFED00000) + bytes(4)
    mcfg = bytes(8) + struct.pack("<QHBBI", 0xE0000000, 0, 0, 255, 0)
    srat = bytes(12) + bytes([0, 16, 0, 0, 1]) + bytes(11) + bytes([1, 40, 0, 0, 0, 0, 0, 0])
    srat += struct.pack("<QQIIQ", 0, 1 << 31, 0, 1, 0)
    bgrt = struct.pack("<HBBQII", 1, 1, 0, 0x7F000900, 10, 10)
    everything = [table(0, madt), table(1, bytes(fadt)), table(6, dsdt), table(7, bytes(28)), table(2, hpet),
                  table(3, mcfg), table(4, srat), table(5, bgrt)]
    write("acpi", "everything", b"\x00" + b"".join(everything))
    write("acpi", "everything-rsdt", b"\x02" + b"".join(everything))
    write("acpi", "bad-checksums", b"\x00" + b"".join(t[:1] + b"\x01" + t[2:] for t in everything))
    write("acpi", "bad-lengths", b"\x00" + b"".join(t[:1] + b"\x02" + t[2:] for t in everything))
    short_entries = [table(0, bytes(8) + bytes([kind, 4, 0, 0])) for kind in (0, 1, 2, 9)]
    short_entries += [table(4, bytes(12) + bytes([kind, 4, 1, 0])) for kind in (0, 1, 2)]
    short_entries += [table(0, bytes(8) + bytes([9, 0, 0, 0])), table(3, mcfg[:-1]), table(2, hpet[:-1])]
    short_entries += [table(5, bgrt[:-1]), table(1, bytes(fadt[:70])), table(6, dsdt[:8])]
    write("acpi", "cut-off", b"\x00" + b"".join(short_entries))
    write("acpi", "found-rsdp-mapped-short", b"\x00" + table(6, dsdt))
    for name, one in zip(["madt", "fadt", "dsdt", "facs", "hpet", "mcfg", "srat", "bgrt"], everything):
        write("acpi", name, b"\x00" + one)
    write("acpi", "s5-root-path", b"\x01\x08\\_S5_\x12\x0a\x04\x0b\x05\x00\x0b\x05\x00\x00\x00")


def pe_image(relocations):
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    coff = struct.pack("<HHIIIHH", 0x8664, 2, 0, 0, 0, 240, 0x22)
    optional = bytearray(240)
    struct.pack_into("<H", optional, 0, 0x20B)
    struct.pack_into("<QII", optional, 24, 0xFFFFFFFF80000000, 4096, 512)
    struct.pack_into("<I", optional, 56, 0x4000)
    struct.pack_into("<I", optional, 108, 16)
    struct.pack_into("<II", optional, 112 + 5 * 8, 0x400, len(relocations))
    sections = struct.pack("<8sIIII12xI", b".text", 0x1000, 0x1000, 0, 0, 0x60000020)
    sections += struct.pack("<8sIIII12xI", b".data", 0x2000, 0x2000, 0, 0, 0xC0000040)
    return (dos + b"PE\0\0" + coff + bytes(optional) + sections).ljust(0x400, b"\0") + relocations


def pe_seeds():
    block = struct.pack("<IIHHHH", 0x1000, 16, 0xA008, 0xA010, 0xAFF8, 0)
    write("pe", "two-sections", pe_image(block + struct.pack("<IIHH", 0x2000, 12, 0xA000, 0)))
    write("pe", "wrong-type", pe_image(struct.pack("<IIHH", 0x2000, 12, 0x3000, 0)))
    write("pe", "out-of-image", pe_image(struct.pack("<IIHH", 0x3000, 12, 0xAFFF, 0)))
    write("pe", "over-itself", pe_image(struct.pack("<IIHH", 0x0, 12, 0xA404, 0) + block))
    write("pe", "no-relocations", pe_image(b""))


def font_seeds():
    """Fonts of glyphs of one row: slots of one byte, repeated, then the glyphs as they are."""
    for name, slot in (("one-glyph", 0), ("slot-beyond", 1)):
        write("font", name, bytes([8, 1, 1, 0, 0x1F, slot, 1, 0, 255, 237, 0x10, 0xAA]))
    write("font", "wide", bytes([16, 1, 1, 0, 0x1F, 0, 1, 0, 255, 238, 0x10, 0xAA]))
    write("font", "no-distance", bytes([8, 1, 1, 0, 0x10, 0, 0, 0, 0x00]))


def edid_seeds():
    edid = bytearray(b"\x00\xff\xff\xff\xff\xff\xff\x00".ljust(128, b"\0"))
    edid[54:62] = bytes([2, 58, 0x80, 0x18, 0x71, 0x38, 0x2D, 0x40])  # 148.5 MHz, 1920x1080
    write("edid", "1920x1080", bytes(edid) + b"\0")
    edid[127] = -sum(edid) & 0xFF
    write("edid", "exact", bytes(edid))


def text_seeds():
    lines = ["run=\"mem; cpus; poweroff\" log=debug cpus=4", "\\EFI\\BOOT\\keel.efi test=all noruntime",
             "cpus=0 cpus=65536", "keep-boot-services=1 nokaslr bogus font= font=8x16", "run=\"never closed",
             "\"\" =x log=info"]
    for number, line in enumerate(lines):
        write("command_line", f"parse-{number}", b"\x00" + line.encode())
        write("command_line", f"options-{number}", b"\x01" + line.encode("utf-16-le") + b"\0\0")
        write("command_line", f"file-{number}", b"\x02\xef\xbb\xbf" + line.encode() + b"\r\n")
    write("command_line", "device-path", b"\x01" + bytes.fromhex("02010c00d041030a0000000001010600001d7fff0400"))
    for kind in ("made", "malformed"):
        for path in sorted((MAPS / kind).glob("*.map")):
            if path.stat().st_size < 1024:
                write("map_file", path.stem, path.read_bytes())
    write("map_file", "45-hyperv-gen2-kdump", (MAPS / "45-hyperv-gen2-kdump.map").read_bytes())


def stream_seeds():
    """Operations of frames, heap and paging."""
    write("frames", "every-order", bytes(n for order in range(19) for n in (0, order, order, 7, order, 0)))
    caches = [14, 0, 200, 14, 33, 200, 15, 0, 100, 12, 0, 0, 14, 66, 255, 15, 33, 255, 13, 1, 2]
    write("frames", "caches", bytes(caches))
    write("frames", "below", bytes([4, 0, 10, 4, 9, 20, 5, 18, 30, 5, 3, 128, 6, 0, 0, 9, 0, 0, 10, 1, 1, 11, 2, 2]))
    small = [n for which in range(200) for n in (2 + 16 * (which % 3), which * 7 % 256, which % 2, which)]
    elsewhere = [n for which in range(200) for n in (18, 0, 0, which)]
    write("heap", "freed-elsewhere", bytes(small + elsewhere + [16, 0, 0, 0]))
    write("heap", "out-of-memory", bytes(n for which in range(240) for n in (1, 0, 64, which)) + bytes(small))

    def operation(what, flags, first, count, offset):
        return bytes([what, flags]) + first.to_bytes(3, "little") + count.to_bytes(2, "little") + bytes([offset])
    big = [operation(0, 1, 0, 0x93FF, 0), operation(2, 2, 5, 3, 0), operation(1, 0, 512, 0x9002, 0),
           operation(0, 4, 600, 17, 7), operation(2, 5, 0, 0x1200, 0), operation(1, 0, 0x3FFFF, 2, 0)]
    for shape in range(16):
        write("paging", f"shape-{shape}", bytes([shape, 0]) + b"".join(big))
    write("paging", "few-tables", bytes([2, 6]) + b"".join(big))


def unwind_seeds():
    """One function [0x100, 0x180) with push rbx, push rbp, sub rsp 0x28; one chained to it; one machine frame."""
    unwind = bytes([1, 8, 3, 0, 8, 0x42, 4, 0x50, 1, 0x30, 0, 0])
    chained = bytes([0x21, 0, 0, 0]) + struct.pack("<III", 0x100, 0x180, 0x40)
    machine = bytes([1, 0, 1, 0, 0, 0x1A, 0, 0])
    functions = struct.pack("<9I", 0x100, 0x180, 0x40, 0x180, 0x200, 0x60, 0x200, 0x280, 0x80)
    image = functions.ljust(0x40, b"\0") + unwind.ljust(0x20, b"\0") + chained.ljust(0x20, b"\0") + machine
    for name, rip in (("plain", 0x110), ("chained", 0x190), ("machine-frame", 0x210), ("leaf", 0x300)):
        head = bytes([3, 0, 0]) + struct.pack("<H", rip) + bytes([8, 1]) + rip.to_bytes(8, "little")
        write("backtrace", name, head + image.ljust(0x400, b"\0"))


def tables_seeds():
    memory = bytearray(0x200)
    memory[0x10:0x18] = struct.pack("<Q", 0x5453595320494249)
    memory[0x10 + 104:0x10 + 120] = struct.pack("<QQ", 3, 0x7F000180)
    memory[0xA0:0xA4] = b"_SM_"
    struct.pack_into("<HI", memory, 0xA0 + 0x16, 64, 0x7F000100)
    memory[0xC0:0xC5] = b"_SM3_"
    struct.pack_into("<IIQ", memory, 0xC0 + 0xC, 64, 0, 0x7F000140)
    struct.pack_into("<IIQ", memory, 0xE0, 2, 2, 1)
    struct.pack_into("<IIII", memory, 0x100, 1, 2, 40, 0)
    struct.pack_into("<HHI", memory, 0x120, 1, 8, 0x3FFF)
    struct.pack_into("<I", memory, 0x130, 30)
    places = [(0, 0x90), (3, 0xA0), (2, 0xC0), (4, 0xE0), (5, 0x100), (6, 0x120), (7, 0x130), (8, 0x7FF0), (1, 0x4000)]
    head = bytes([len(places)]) + b"".join(struct.pack("<BH", kind, place) for kind, place in places)
    write("tables", "every-kind", head + bytes(memory))
    write("tables", "beyond-memory", bytes([2]) + struct.pack("<BHBH", 3, 0xFFF0, 2, 0x7FFF) + bytes(memory))


def qr_seeds():
    for length in (0, 1, 85, 86, 520):
        write("qr", f"length-{length}", (b"panic: page fault in fault_page+0xb\n" * 20)[:length])


def keyboard_seeds():
    """Pairs: 0 a byte of set 1, 16 one of set 2, 2 and 130 a usage up and down, 3 time, 4 read, 5 unplug, 6 layout."""
    def sent(how, *scan_codes):
        return [number for byte in scan_codes for number in (how, byte)]
    german = [6, 1, 130, 0x35, 2, 0x35, 130, 0x04, 3, 130, 4, 0, 3, 10, 4, 0, 2, 0x04, 4, 0]
    set_1 = sent(0, 0xE0, 0x2A, 0xE0, 0x4B, 0x3A, 0xBA) + [7, 0] + sent(0, 0x1E, 0x9E, 0xE1, 0x1D, 0x45) + [4, 0]
    set_2 = sent(16, 0x12, 0x1C, 0xF0, 0x1C, 0xAA, 0xE0, 0xF0, 0x75) + [4, 0]
    plugs = [130, 0xE1, 130, 0x05, 5, 2, 3, 200, 4, 0, 133, 2, 130, 0x53, 130, 0x5A, 7, 0, 3, 250, 7, 0, 4, 0]
    for name, pairs in [("dead-and-held", german), ("set-1", set_1), ("set-2", set_2), ("plugged", plugs)]:
        write("keyboard", name, bytes(pairs))


def pci_seeds():
    """A controller with memory of 64 bits, ports, MSI and MSI-X; a display; a list of capabilities that is a circle."""
    words, writable = [0] * 64, [0] * 64
    words[:4] = 0x000D1B36, 0x00100007, 0x0C033000, 0
    words[4:7], writable[4:7] = (0xFE000004, 1, 0xC001), (0xFFFFC000, 0xFFFFFFFF, 0xFFE0)
    words[0x34 // 4], writable[1] = 0x90, 0xFFFF
    words[0x90 // 4], writable[0x90 // 4:0x90 // 4 + 5] = 0x0181A005, [0xFFFF0000] + [0xFFFFFFFF] * 4
    words[0xA0 // 4], writable[0xA0 // 4], words[0xA4 // 4] = 0x800F0011, 0xC0000000, 0x3000
    kinds = ("controller", 0x0C033000, 0), ("display", 0x03000000, 0), ("circle", 0x0C033000, 0x90)
    for name, code, pointer in kinds:
        words[2], words[0xA0 // 4] = code, 0x800F0011 | pointer << 8
        write("pci", name, struct.pack("<128I", *words, *writable) + b"\x12")


def crash_record_seeds():
    text = b"panic: page fault in fault_page+0xb\n"
    for kind, whole in ((1, len(text)), (2, 4000), (3, 0)):
        sealed = struct.pack("<HHII", 1, kind, len(text), whole) + text
        value = b"KEELSAVE" + struct.pack("<I", zlib.crc32(sealed)) + sealed
        write("crash_record", f"kind-{kind}", b"\0" + value)
        write("crash_record", f"kind-{kind}-mended", b"\1" + value)


def usb_seeds():
    """A keyboard among three interfaces, a device, hubs of both kinds; then what happens to a controller."""
    composite = [9, 2, 84, 0, 3, 1, 4, 0xA0, 49]
    for number, protocol in enumerate([2, 1, 0]):
        composite += [9, 4, number, 0, 1, 3, 1, protocol, 0, 9, 0x21, 0x11, 1, 0, 1, 0x22, 59, 0]
        composite += [7, 5, 0x81 + number, 3, 8, 0, 8]
    device = [18, 1, 0, 2, 0, 0, 0, 64, 0x6D, 4, 0x2B, 0xC5, 0, 0, 1, 2, 0, 1]
    kinds = (("composite", 1, composite), ("device", 0, device),
             ("hub", 2, [9, 0x29, 4, 0xE9, 0, 50, 100, 0, 0xFF]), ("hub-3", 7, [12, 0x2A, 4, 9, 0, 25] + [0] * 6),
             ("reports", 0, [0, 0, 4, 5] + [0] * 4 + [2, 0, 4] + [0] * 5 + [2] + [1] * 7 + [0] * 8))
    for name, flags, data in kinds:
        write("usb", name, bytes([flags, *data]))
    for name, happenings in (("events", [0, 8, 16, 1]), ("ports", [2, 10, 3, 3, 0x2B]), ("memory", [4, 0x44, 0x24, 0]),
                             ("refusals", [5, 3, 3, 7]), ("commands", [6, 3, 3, 7, 6, 7])):
        write("xhci", name, b"".join(bytes([what, *(7 * number + what & 0xFF for number in range(7))])
                                     for what in happenings * 3))


def main():
    memmap_seeds()
    mm_seeds()
    attributes_seeds()
    acpi_seeds()
    pe_seeds()
    font_seeds()
    edid_seeds()
    text_seeds()
    stream_seeds()
    unwind_seeds()
    tables_seeds()
    qr_seeds()
    keyboard_seeds()
    pci_seeds()
    crash_record_seeds()
    usb_seeds()


if __name__ == "__main__":
    main()
