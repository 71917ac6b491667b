/*
 * Monitor command about the firmware's variables: vars.
 *
 * What it sets (non-volatile: it is there after a reboot) and deletes are Keel's own (runtime_own_variable).
 */
#include "kernel/base/format.h"
#include "kernel/base/string.h"
#include "kernel/console.h"
#include "kernel/memory.h"
#include "kernel/monitor.h"
#include "kernel/runtime.h"
#include "kernel/runtime_value.h"

#define VARIABLES_MAX 4096u      /* looked at; machines have 50 to 400 */
#define VALUE_MAX     (64 * KIB) /* of a value that is dumped */
#define TEXT_BYTES    96u        /* of a name or a value that is typed */

/* Too large for a stack. Commands do not run at the same time. */
static struct runtime_variable variable;

/* Says why the call did not work; true when it did. */
static bool worked(enum runtime_service service, enum status status)
{
    if (status != STATUS_OK)
        print("vars: %s: %s\n", runtime_service_name(service), runtime_failure(service, status));
    return status == STATUS_OK;
}

/* The size of the variable's value, asked for with an empty buffer; 0 when the firmware does not say. */
static uint64_t value_size(void)
{
    uint8_t nothing;
    uint32_t attributes;
    uint64_t size_bytes = 0;
    enum status status = runtime_get_variable(&variable, &attributes, &nothing, &size_bytes);
    return status == STATUS_LIMIT ? size_bytes : 0;
}

/* As hexdump does: offset, 16 bytes, and the same as text. */
static void dump(const uint8_t *bytes, uint64_t size_bytes)
{
    for (uint64_t row = 0; row < size_bytes; row += 16) {
        char digits[16 * 3 + 1];
        char text[16 + 1] = "";
        for (uint64_t i = 0; i < 16 && row + i < size_bytes; i++) {
            uint8_t byte = bytes[row + i];
            format_buffer(&digits[i * 3], 3 + 1, " %02x", byte);
            text[i] = byte >= ' ' && byte < 0x7F ? (char)byte : '.';
        }
        print("%04llx %-48s  %s\n", row, digits, text);
    }
}

/* Of `variable`: reads the value, of so many bytes, into memory of the heap and shows it. */
static void dump_value(const uint64_t room_bytes)
{
    uint8_t *bytes = room_bytes <= VALUE_MAX ? heap_alloc(memory_heap(), room_bytes) : NULL;
    if (bytes == NULL) {
        print("vars: no room for %llu bytes\n", room_bytes);
        return;
    }
    uint64_t size_bytes = room_bytes;
    uint32_t attributes;
    if (worked(RUNTIME_GET_VARIABLE, runtime_get_variable(&variable, &attributes, bytes, &size_bytes))) {
        print("attributes 0x%x, %llu bytes\n", attributes, size_bytes);
        dump(bytes, size_bytes);
    }
    heap_free(memory_heap(), bytes, room_bytes);
}

/* All variables, one a line; or those of one name, with their values. */
static void list(const char *wanted)
{
    uint32_t found = 0;
    memset(&variable, 0, sizeof(variable));
    for (uint32_t i = 0; i < VARIABLES_MAX; i++) {
        enum status status = runtime_next_variable(&variable);
        if (status == STATUS_NOT_FOUND || !worked(RUNTIME_NEXT_VARIABLE, status))
            break;
        char name[TEXT_BYTES];
        char guid[RUNTIME_VALUE_GUID_BYTES];
        runtime_value_text(name, sizeof(name), variable.name, RUNTIME_NAME_CHARS);
        runtime_value_guid(guid, &variable.vendor);
        if (wanted != NULL && strcmp(wanted, name) != 0)
            continue;
        found++;
        uint64_t size_bytes = value_size();
        print("%s %6llu %s\n", guid, size_bytes, name);
        if (wanted != NULL)
            dump_value(size_bytes);
    }
    print("vars: %u found\n", found);
}

/* vars set NAME TEXT..., or without a text: vars delete NAME. */
static void set(const struct words *words, uint32_t attributes)
{
    char text[TEXT_BYTES];
    size_t length = 0;
    for (unsigned i = 3; i < words->count && length < sizeof(text); i++)
        length += format_buffer(text + length, sizeof(text) - length, i == 3 ? "%s" : " %s", words->word[i]);
    if (length >= sizeof(text)) {
        print("vars: more than %u characters\n", TEXT_BYTES - 1);
        return;
    }
    enum status status = runtime_own_variable(&variable, words->word[2]);
    if (status == STATUS_OK)
        status = runtime_set_variable(&variable, attributes, text, length);
    if (worked(RUNTIME_SET_VARIABLE, status))
        print("vars: %s %s\n", words->word[2], length == 0 ? "deleted" : "set");
}

void command_vars(const struct words *words)
{
    const char *verb = words->count > 1 ? words->word[1] : NULL;
    if (words->count <= 2)
        list(verb);
    else if (words->count > 3 && strcmp(verb, "set") == 0)
        set(words, RUNTIME_ATTRIBUTES);
    else if (words->count == 3 && strcmp(verb, "delete") == 0)
        set(words, 0);
    else
        monitor_bad_argument(words, words->word[2]);
}
