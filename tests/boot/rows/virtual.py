"""SetVirtualAddressMap: the first half of part C of the catalogue."""

from rows.row import Row

SVAM = "call SetVirtualAddressMap "
OFF = r"^SetVirtualAddressMap: .*{}"  # what the command `boot` says
VIRTUAL = [
    Row("virtual-boot-code", "C43", "firmware runs boot-services code in SetVirtualAddressMap", SVAM + "boot-code",
        says=[r"code in boot-services memory: ran$"]),
    Row("virtual-page0", "B21", "and reads and writes page 0 there", SVAM + "page0",
        says=[r"^adversary: page 0 was read and written"]),
    Row("virtual-boot-memory", "C44", "and reads its boot-services data", SVAM + "boot-memory",
        says=[r"boot-services memory: intact$"]),
    Row("virtual-aligned", "C55", "and keeps SSE values on its stack", SVAM + "aligned; " + SVAM + "sse",
        says=[r"movaps on the caller's stack: ok"]),
    Row("virtual-physical", "C45", "and uses pointers that it stored before", SVAM + "physical; call GetTime physical",
        run="time; ", says=[r"^adversary: SetVirtualAddressMap: .*\s+adversary: stored physical pointers: work$",
                            r"^adversary: GetTime: .*\s+adversary: stored physical pointers: work$"]),
    Row("virtual-driver", "C43 A1", "a boot-services driver's handlers run in the exit and in SetVirtualAddressMap",
        "driver", says=[r"^adversary: driver: in ExitBootServices, pages=1 pool=1$",
                        r"^adversary: driver: in SetVirtualAddressMap, data=intact$"]),
    Row("virtual-hangs", "C43", "it never returns: nobody can help that, and it shows where",
        SVAM + "hang", r"^adversary: never returns",
        says=[r"^keel: calling SetVirtualAddressMap\s+adversary: SetVirtualAddressMap: .*\s+adversary: never returns"]),
    Row("virtual-interrupts", "C59", "and turns interrupts on", SVAM + "interrupts"),
    Row("virtual-task-switched", "C54", "and sets CR0.TS", SVAM + "task-switched"),
    Row("virtual-fails", "C47", "it fails: runtime services are off, all else works", SVAM + "fails",
        says=[OFF.format("failed")], silent=[r"^adversary: GetTime: if="], run="time; ", reports=False),
    Row("virtual-pf", "C43", "it faults: likewise", SVAM + "pf", says=[OFF.format("faulted")], reports=False),
    Row("virtual-ud", "C43", "likewise", SVAM + "ud", says=[OFF.format("faulted")], reports=False),
    Row("virtual-gp", "C43", "likewise", SVAM + "gp", says=[OFF.format("faulted")], reports=False),
]
