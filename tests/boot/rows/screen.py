"""The screen as firmware describes it: items of part D of the catalogue."""

from rows.row import Row

SCREEN = [
    Row("screen-none", "D68", "no GOP: serial only", "screen none", says=[r"no screen with a frame buffer"]),
    Row("screen-blt-only", "D68", "no frame buffer, though an address stands there", "screen format 3",
        says=[r"no screen with a frame buffer"]),
    Row("screen-base-0", "D66", "no cable: base 0", "screen base 0", says=[r"no screen with a frame buffer"]),
    Row("screen-height-0", "D66", "a mode without lines", "screen height 0", says=[r"warn: screen: frame buffer"]),
    Row("screen-width-0", "D66", "a mode without columns", "screen width 0", says=[r"warn: screen: frame buffer"]),
    Row("screen-pitch", "D67", "lines longer than what is seen", "screen width 1000"),
    Row("screen-pitch-short", "D67", "lines shorter than what is seen", "screen pitch 100",
        says=[r"warn: screen: frame buffer"]),
    Row("screen-pitch-absurd", "D67", "a pitch past the frame buffer", "screen pitch 0xffffffff",
        says=[r"warn: screen: frame buffer"]),
    Row("screen-masks", "D68", "colours as bit masks",
        "screen format 2; screen red 0xff0000; screen green 0xff00; screen blue 0xff"),
    Row("screen-masks-0", "D68", "masks without a bit",
        "screen format 2; screen red 0; screen green 0; screen blue 0", says=[r"warn: screen: frame buffer"]),
    Row("screen-above-4G", "D65", "a frame buffer at 448 GiB", "screen base 0x7000000000",
        silent=[r"warn: screen: frame buffer"]),
    Row("screen-second-slot", "D64", "beyond 512 GiB: lost to who copies the first slot of the firmware's page tables",
        "screen base 0x8000000000", silent=[r"warn: screen: frame buffer"]),
    Row("screen-in-ram", "D66", "a frame buffer in memory: drawing would destroy it", "screen base ground+0",
        says=[r"warn: screen: frame buffer"]),
    Row("screen-wraps", "D66", "a frame buffer past the end of addresses", "screen base 0xfffffffffffff000",
        says=[r"warn: screen: frame buffer"]),
]
