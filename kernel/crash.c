/*
 * Writing into the store, and reading what is there.
 *
 *     crash_save --> how much may it be? --> seal, perhaps cut --> SetVariable --> say how it went
 *                    (QueryVariableInfo)
 *     crash_start --> GetVariable --> is it a record? --> SetVariable, size 0 --> print
 *
 * Rules: the firmware is asked how much is free each time, because others write there too. Where it does not tell, a
 * small record goes in all the same: Linux has written 1 KiB at a time to every machine for years (efi-pstore).
 */
#include "kernel/crash.h"

#include "kernel/base/string.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/runtime.h"
#include "kernel/runtime_value.h"

/* Of a value where the firmware does not say how much there is room for. */
#define BLIND_BYTES 1024u

/* Less is not worth a write. */
#define VALUE_BYTES_MIN 256u

/* What firmware keeps beside a value, which it counts as part of it: a header and the name. */
#define OVERHEAD_BYTES 256u

/* What Linux' efivarfs puts in front of a value: its attributes. */
#define EFIVARFS_BYTES 4u

/* No record that is read back is longer: the log's ring. */
#define VALUE_BYTES_MAX (LOG_RING_BYTES + 1 * KIB)

static const char names[CRASH_KINDS][12] = {"", "KeelCrash", "KeelCrash", "KeelMap", "KeelReport"}; /* by crash_kind */

static struct {
    struct runtime_variable variable; /* too large for the stack of a handler */
    bool written[CRASH_KINDS];
    const struct crash_record *last; /* NULL: none */
} crash;

/* ---- Writing ---- */

/* How long a value may be. 0: none. */
static uint64_t room_bytes(void)
{
    struct runtime_storage storage;
    if (runtime_query_storage(&storage) != STATUS_OK)
        return BLIND_BYTES;
    uint64_t most = min_u64(storage.free_bytes / 2, storage.variable_bytes_max);
    return most > OVERHEAD_BYTES ? most - OVERHEAD_BYTES : 0;
}

/* As much of the text as there is room for. Why not, or NULL. */
static const char *write(struct crash_record *record, enum crash_kind kind, size_t length)
{
    if (crash.written[kind])
        return "it was in this boot, and flash wears";
    if (runtime_off_reason(RUNTIME_SET_VARIABLE) != NULL)
        return runtime_off_reason(RUNTIME_SET_VARIABLE);
    uint64_t room = room_bytes();
    if (room < VALUE_BYTES_MIN)
        return "no room in the firmware's variable store";
    size_t kept = min_u64(length, room - sizeof(*record));
    if (kept < length)
        print("crash: only %zu bytes: half of what is free, or the firmware's limit\n", kept);
    /* Of a log the end matters, of all else the beginning. */
    if (kind == CRASH_LOG)
        memmove(record->text, record->text + length - kept, kept);
    crash_record_seal(record, kind, (uint32_t)kept, (uint32_t)length);
    crash.written[kind] = true;
    enum status status = runtime_own_variable(&crash.variable, names[kind]);
    if (status == STATUS_OK)
        status = runtime_set_variable(&crash.variable, RUNTIME_ATTRIBUTES, record, sizeof(*record) + kept);
    return status != STATUS_OK ? runtime_failure(RUNTIME_SET_VARIABLE, status) : NULL;
}

bool crash_save(struct crash_record *record, enum crash_kind kind, size_t length)
{
    /* First: if the firmware hangs, this is the last line. */
    print("crash: saving %zu bytes as the firmware's variable %s\n", length, names[kind]);
    const char *mistake = write(record, kind, length);
    if (mistake != NULL) {
        print("crash: not saved: %s\n", mistake);
        return false;
    }
    char guid[RUNTIME_VALUE_GUID_BYTES];
    runtime_value_guid(guid, &crash.variable.vendor);
    print("crash: saved; Linux: tail -c +%zu /sys/firmware/efi/efivars/%s-%s\n", EFIVARFS_BYTES + sizeof(*record) + 1,
          names[kind], guid);
    return true;
}

/* ---- Reading ---- */

const struct crash_record *crash_last(void)
{
    return crash.last;
}

/* Each line after a bar, so that nobody takes it for a panic of this boot; nothing that moves a cursor. */
void crash_print(void)
{
    const struct crash_record *record = crash.last;
    if (record == NULL) {
        print("crash: the last boot left nothing\n");
        return;
    }
    print("crash: %s, %u of %u bytes\n",
          record->kind == CRASH_PANIC ? "the last boot ended in a panic" : "the last boot saved its log",
          record->text_bytes, record->whole_bytes);
    char before = '\n';
    for (uint32_t i = 0; i < record->text_bytes; i++) {
        char c = record->text[i];
        print(before == '\n' ? "| %c" : "%c", c == '\n' || (c >= ' ' && c < 0x7F) ? c : '?');
        before = c;
    }
    print(before == '\n' ? "" : "\n");
}

void crash_start(void)
{
    static ALIGNED(8) uint8_t value[VALUE_BYTES_MAX];
    uint64_t size_bytes = sizeof(value);
    uint32_t attributes;
    if (runtime_own_variable(&crash.variable, names[CRASH_PANIC]) != STATUS_OK)
        return;
    enum status status = runtime_get_variable(&crash.variable, &attributes, value, &size_bytes);
    /* Services that are off have been reported. */
    if (status == STATUS_NOT_FOUND || runtime_off_reason(RUNTIME_GET_VARIABLE) != NULL)
        return;
    const char *mistake = status != STATUS_OK ? status_name(status) : crash_record_mistake(value, size_bytes);
    if (mistake == NULL)
        crash.last = (const struct crash_record *)value;
    else
        log_warn("crash: %s, %llu bytes: %s", names[CRASH_PANIC], size_bytes, mistake);
    /* Deleted also when it is no record, or it would be in the way for ever. */
    status = runtime_set_variable(&crash.variable, 0, NULL, 0);
    if (status != STATUS_OK)
        log_warn("crash: it stays in the store: SetVariable: %s", runtime_failure(RUNTIME_SET_VARIABLE, status));
    if (crash.last != NULL)
        crash_print();
}
