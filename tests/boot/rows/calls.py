"""Runtime services, called by the kernel: the second half of part C of the catalogue."""

from rows.row import Row

FAULTED = r"runtime: {} is off from here on: "
# Each service of which faults are known, and the commands that call it. ResetSystem is what a row ends with, and is in
# test_firmware.py.
SERVICES = [("GetTime", "time", "time; time; ", "C57", "GetTime crashes on Dells: the clock is gone, the kernel lives"),
            ("GetVariable", "variable", "vars Lang; vars Lang; ", "C58", "GetVariable faults"),
            ("SetVariable", "set-variable", "vars set A b; ", "C58 C51", "asserts in the variable driver's code")]
FAULTS = [("pf", "page fault"), ("ud", "invalid opcode"), ("gp", "general protection fault")]
FAULTING = [
    Row(f"{name}-{kind}", item, why, f"call {service} {kind}", says=[FAULTED.format(service) + vector], run=run,
        reports=service != "SetVariable")
    for service, name, run, item, why in SERVICES for kind, vector in FAULTS]

CALLS = [
    *FAULTING,
    Row("next-variable-pf", "C58", "GetNextVariableName faults", "call GetNextVariableName pf",
        says=[FAULTED.format("GetNextVariableName")], run="vars; "),
    Row("time-off", "C57", "what it held when it faulted is unknown: never into it again", "call GetTime pf",
        says=[FAULTED.format("GetTime"), r"^firmware: no time \(it faulted\)"], run="time; time; "),
    Row("time-boot-memory", "C44", "the service reads boot-services memory, which is others' by now",
        "call GetTime boot-memory", says=[FAULTED.format("GetTime")], run="time; "),
    Row("time-boot-code", "C44", "or runs code there", "call GetTime boot-code", says=[FAULTED.format("GetTime")],
        run="time; "),
    Row("time-page0", "B21", "page 0 is the firmware's in its address space", "call GetTime page0", run="time; ",
        says=[r"^adversary: page 0 was read and written"]),
    Row("time-interrupts", "C59", "the service turns interrupts on", "call GetTime interrupts", run="time; time; ",
        says=[r"runtime: GetTime came back with interrupts on"]),
    Row("time-sse", "C54", "the service leaves no SSE register as it was", "call GetTime sse; call GetVariable sse",
        run="time; vars; test runtime-registers; ", says=[r"^ok \d+ (- )?runtime-registers\s*$"]),
    Row("time-physical", "C45", "the service uses pointers that it never converted", "call GetTime physical",
        run="time; time; ", says=[r"^adversary: stored physical pointers: work$"], silent=[r"lead elsewhere"]),
    Row("time-aligned", "C55", "the service needs a 16-byte stack", "call GetTime aligned", run="time; ",
        says=[r"movaps on the caller's stack: ok"]),
    Row("time-task-switched", "C54", "the service sets CR0.TS", "call GetTime task-switched", run="time; time; "),
    Row("time-fails", "C57", "the service returns an error", "call GetTime fails", run="time; ",
        says=[r"^firmware: no time"]),
]
