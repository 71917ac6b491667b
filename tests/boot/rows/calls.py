"""Runtime services, called by the kernel: the second half of part C of the catalogue."""

from rows.row import Row

FAULTED = r"runtime: {} is off from here on: "
CALLS = [
    Row("time-pf", "C57", "GetTime crashes on Dells: the clock is gone, the kernel lives", "call GetTime pf",
        says=[FAULTED.format("GetTime")], run="time; time; "),
    Row("time-ud", "C57", "likewise", "call GetTime ud", says=[FAULTED.format("GetTime")], run="time; "),
    Row("variable-gp", "C58", "GetVariable faults", "call GetVariable gp", says=[FAULTED.format("GetVariable")],
        run="vars Lang; "),
    Row("next-variable-pf", "C58", "GetNextVariableName faults", "call GetNextVariableName pf",
        says=[FAULTED.format("GetNextVariableName")], run="vars; "),
    Row("set-variable-ud", "C58", "SetVariable faults", "call SetVariable ud", says=[FAULTED.format("SetVariable")],
        run="vars set A b; ", reports=False),
    Row("time-boot-memory", "C44", "the service reads boot-services memory, which is others' by now",
        "call GetTime boot-memory", says=[FAULTED.format("GetTime")], run="time; "),
    Row("time-boot-code", "C44", "or runs code there", "call GetTime boot-code", says=[FAULTED.format("GetTime")],
        run="time; "),
    Row("time-page0", "B21", "page 0 is the firmware's in its address space", "call GetTime page0", run="time; ",
        says=[r"^adversary: page 0 was read and written"]),
    Row("time-interrupts", "C59", "the service turns interrupts on", "call GetTime interrupts", run="time; time; ",
        says=[r"runtime: GetTime came back with interrupts on"]),
    Row("time-sse", "C54", "the service leaves no SSE register as it was", "call GetTime sse; call GetVariable sse",
        run="time; vars; "),
    Row("time-aligned", "C55", "the service needs a 16-byte stack", "call GetTime aligned", run="time; ",
        says=[r"movaps on the caller's stack: ok"]),
    Row("time-task-switched", "C54", "the service sets CR0.TS", "call GetTime task-switched", run="time; time; "),
    Row("time-fails", "C57", "the service returns an error", "call GetTime fails", run="time; ",
        says=[r"^firmware: no time"]),
]
