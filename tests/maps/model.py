"""What the ledger of a memory map must say: the simplest possible program, written from the rules and not from mm/.

Cut the address space at every end of every descriptor, at 1 MiB and at the end of the direct map. Between two cuts all
pages are alike; ask which descriptors cover them, take the most restrictive, and that is the owner. `ours` stands for
free and used together: which pages the kernel keeps for itself is not the map's to say.
"""

PAGE = 4096
LOW_END = 1 << 20
DIRECT_MAP_END = 64 << 40
PHYSICAL_END = 1 << 52

RUNTIME = 1 << 63
SPECIFIC_PURPOSE = 1 << 18
WRITE_BACK = 1 << 3

# Rising restriction; where descriptors overlap, the last of these wins.
KINDS = ["conventional", "loader", "boot", "acpi", "withheld", "nvs", "runtime",
         "persistent", "unaccepted", "unknown", "reserved", "mmio"]
OURS = KINDS[:3]
COUNTED = KINDS[:7]
TYPES = {0: "reserved", 1: "loader", 2: "loader", 3: "boot", 4: "boot", 5: "runtime", 6: "runtime",
         7: "conventional", 8: "reserved", 9: "acpi", 10: "nvs", 11: "mmio", 12: "mmio", 13: "reserved",
         14: "persistent", 15: "unaccepted"}


def read(path):
    """The (type, start, pages, attribute) of each line; the file is known to be well-formed."""
    rows = []
    for line in open(path, encoding="ascii"):
        words = line.split()
        if words and not words[0].startswith("#"):
            rows.append((int(words[0], 0), int(words[1], 16), int(words[2]), int(words[3], 16)))
    return rows


def kind_of(memory_type, attribute):
    kind = TYPES.get(memory_type, "unknown")
    if attribute & RUNTIME and kind in COUNTED:
        return "runtime"
    if kind in OURS and (attribute & SPECIFIC_PURPOSE or not attribute & WRITE_BACK):
        return "withheld"
    return kind


def ranges(rows):
    """(start, end, kind) in bytes, whole pages."""
    for memory_type, start, pages, attribute in rows:
        end = start + pages * PAGE
        if pages == 0 or end >= 1 << 64:
            continue
        end = min(end, PHYSICAL_END)
        kind = kind_of(memory_type, attribute)
        if kind in OURS:
            start, end = -(-start // PAGE) * PAGE, end // PAGE * PAGE
        else:
            start, end = start // PAGE * PAGE, -(-end // PAGE) * PAGE
        if start < end:
            yield start, end, kind


def pieces(rows):
    """(start, end, kind) of all elementary intervals that some descriptor covers, rising."""
    covers = list(ranges(rows))
    cuts = sorted({cut for start, end, _ in covers for cut in (start, end)} | {LOW_END, DIRECT_MAP_END})
    for start, end in zip(cuts, cuts[1:]):
        kinds = [kind for a, b, kind in covers if a <= start < b]
        if not kinds:
            continue
        kind = max(kinds, key=KINDS.index)
        if kind in OURS and start >= DIRECT_MAP_END:
            kind = "withheld"
        yield start, end, kind


def owner(start, kind):
    if kind not in COUNTED:
        return kind
    if start < LOW_END:
        return "low"
    return "ours" if kind in OURS else "firmware"


def merge(runs):
    """Joins neighbours of one owner: [owner, start, pages]."""
    merged = []
    for name, start, pages in runs:
        last = merged[-1] if merged else None
        if last and last[0] == name and last[1] + last[2] * PAGE == start:
            last[2] += pages
        else:
            merged.append([name, start, pages])
    return merged


def owners(rows):
    return merge((owner(start, kind), start, (end - start) // PAGE) for start, end, kind in pieces(rows))


def totals(rows):
    """The ledger's terms, `ours` for free + used."""
    result = dict.fromkeys(["total", "ours", "firmware", "low", "reclaimed"], 0)
    for start, end, kind in pieces(rows):
        pages = (end - start) // PAGE
        if kind not in COUNTED:
            continue
        result["total"] += pages
        result[owner(start, kind)] += pages
        if kind == "boot" and start >= LOW_END:
            result["reclaimed"] += pages
    return result
