"""Configuration tables and the memory-attributes table."""

from rows.row import Row

BAD_ATTRIBUTES = [r"warn: runtime: .*memory.attributes.* ignored"]
MOVABLE = ["acpi", "smbios", "esrt", "bgrt", "attributes", "tpm-log", "unknown"]
TABLES = [
    Row("attributes-absent", "C53 C52", "no memory-attributes table: older than UEFI 2.6; data lies between the code",
        "table-absent attributes"),
    Row("attributes-absurd", "C53", "SUSE 1231465: a table of absurd size", "attributes count 0xffffffff",
        says=BAD_ATTRIBUTES),
    Row("attributes-long", "C53", "entries past the end of the table", "attributes count 1000", says=BAD_ATTRIBUTES),
    Row("attributes-stride-0", "C53", "an entry size of 0", "attributes stride 0", says=BAD_ATTRIBUTES),
    Row("attributes-stride-8", "C53", "an entry size that holds no entry", "attributes stride 8", says=BAD_ATTRIBUTES),
    Row("attributes-version", "C53", "a version that nobody knows", "attributes version 77", says=BAD_ATTRIBUTES),
    Row("attributes-open", "C53", "every entry writable and executable", "attributes open", says=BAD_ATTRIBUTES),
    Row("attributes-span", "C53", "every entry spans its neighbours", "attributes span 4096", says=BAD_ATTRIBUTES),
    Row("acpi-moved", "B37", "ACPI in boot-services memory: overwritten once that is given away", "table-moved acpi",
        run="acpi; test tables; ", says=[r"^ok \d+ (- )?tables\s*$", r"^poweroff: ACPI S5"]),
    Row("smbios-moved", "B37", "SMBIOS there", "table-moved smbios", run="test tables; ",
        says=[r"^ok \d+ (- )?tables\s*$"]),
    Row("esrt-moved", "B37", "the ESRT there", "table-moved esrt", run="test tables; ",
        says=[r"^ok \d+ (- )?tables\s*$"]),
    Row("bgrt-moved", "B37", "the BGRT there, and its picture", "table-moved bgrt", run="test tables; ",
        says=[r"^ok \d+ (- )?tables\s*$"]),
    Row("attributes-moved", "B37 C53", "the memory-attributes table there", "table-moved attributes",
        run="test tables; ", says=[r"^ok \d+ (- )?tables\s*$"]),
    Row("all-moved", "B37", "all of them", "; ".join(f"table-moved {name}" for name in MOVABLE),
        run="test tables; ", says=[r"^ok \d+ (- )?tables\s*$"]),
    Row("acpi-absent", "B37", "no ACPI: one CPU and no power-off but the firmware's", "table-absent acpi",
        outcome=r"^keel: ready cpus=1 ", says=[r"^adversary: ResetSystem: if=0 stack=ok"]),
    Row("supported-none", "C60", "a mask is honoured though the pointers are there", "runtime-supported 0",
        reports=False,
        silent=[r"^adversary: \w+: if="], run="time; vars; "),
    Row("supported-no-time", "C60", "one service masked, the others on", "runtime-supported 0x3ffe", run="time; ",
        silent=[r"^adversary: GetTime: if="]),
    Row("supported-no-variable", "C60", "likewise", "runtime-supported 0x3fef", run="vars Lang; time; ",
        silent=[r"^adversary: GetVariable: if="], says=[r"^adversary: GetTime: if=0"]),
    Row("supported-no-virtual", "C49", "SetVirtualAddressMap masked: services run where they are",
        "runtime-supported 0x3f7f", silent=[r"^adversary: SetVirtualAddressMap"], virtual_calls=0),
]
