"""The state in which the kernel is entered: where it lies, what it is told of itself, what the CPU was left in."""

from rows.row import Row

TESTED = r"^# \d+ passed, 0 failed"
ENTRY = [
    Row("image-above-4g", "D79", "addresses of 32 bits in code that starts CPUs, where firmware loads high",
        "image above-4g", machine={"memory": "6G"}, run="test all; ", says=[r"lies at 0x1[0-9a-f]{8}$", TESTED]),
    Row("image-bogus", "D80", "U-Boot 295bb2ca: what the loaded-image protocol says of base and size is wrong",
        "image bogus", run="test all; ", says=[TESTED]),
    Row("rng-fails", "-", "entropy: a generator that reports an error after it has written half of what was asked",
        "rng fails", run="test wx; ", says=[r"^ok 1 wx"]),
    Row("la57", "D62", "five levels of page tables: loading tables of four is a triple fault",
        "la57", lacks=r"^adversary: this CPU has no five levels", run="cpus; test all; ",
        says=[r"five levels of page tables$", r"^cpus: 2 running, 0 missing", TESTED]),
]
