"""The address space that the kernel finds: page tables that allow no more than UEFI 2.10, 2.3.4 promises."""

from rows.row import Row

INTACT = [r"^adversary: space: \d+ tables of our own$", r"^adversary: space: our tables are intact$"]
KINDS = ["read-only loader-data", "read-only boot-data", "read-only tables", "no-execute data", "absent page0"]
SPACE = [
    Row("space-loader-data", "A20", "LoaderData is read-only after the exit: a fault where the first map is built",
        "space read-only loader-data", says=INTACT),
    Row("space-boot-data", "B36", "boot-services data is read-only, but for the stack", "space read-only boot-data",
        says=INTACT),
    Row("space-tables", "D63", "the firmware's page tables are read-only: they are not the kernel's to change",
        "space read-only tables", says=INTACT),
    Row("space-no-execute", "D75", "nothing but code executes, from before the start on", "space no-execute data",
        says=INTACT),
    Row("space-no-page0", "D76", "page 0 is not there, from before the start on", "space absent page0", says=INTACT),
    Row("space-all", "A20 B36 D63 D75 D76", "all of that", "; ".join(f"space {kind}" for kind in KINDS), says=INTACT),
]
