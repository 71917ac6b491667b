/*
 * Monitor command about the firmware's variables: vars.
 *
 * What it sets (non-volatile: it is there after a reboot) and deletes is in a GUID of Keel's own, so that no variable
 * of the firmware's is ever touched.
 */
#include "kernel/base/string.h"
#include "kernel/console.h"
#include "kernel/memory.h"
#include "kernel/monitor.h"
#include "kernel/runtime.h"
#include "kernel/runtime_value.h"

#define VARIABLES_MAX 4096u      /* listed; machines have 50 to 400 */
#define VALUE_MAX     (64 * KIB) /* of a value that is dumped */
#define TEXT_BYTES    96u        /* of a name or a value that is typed */

/* After the exit only variables with all three can be set (UEFI 2.10, 8.2): there are no volatile ones at runtime. */
#define SET_ATTRIBUTES (EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS)

static const struct efi_guid keel_guid = {
    0x1b6b4c0e, 0x3d52, 0x4b7e, {0x9c, 0x41, 0x6b, 0x65, 0x65, 0x6c, 0x21, 0x07}
};

/* Too large for a stack. Commands do not run at the same time. */
static struct runtime_variable variable;

/* Says why the call did not work; true when it did. */
static bool worked(enum runtime_service service, enum status status)
{
    if (status == STATUS_OK)
        return true;
    const char *reason = runtime_off_reason(service);
    print("vars: %s: %s\n", runtime_service_name(service), reason != NULL ? reason : status_name(status));
    return false;
}

/* Calls visit() for each variable. False: the listing broke off, which has been printed. */
static bool for_each_variable(void (*visit)(void *context), void *context)
{
    memset(&variable, 0, sizeof(variable));
    for (uint32_t i = 0; i < VARIABLES_MAX; i++) {
        enum status status = runtime_next_variable(&variable);
        if (status == STATUS_NOT_FOUND)
            return true;
        if (!worked(RUNTIME_NEXT_VARIABLE, status))
            return false;
        visit(context);
    }
    print("vars: more than %u variables; the rest is not listed\n", VARIABLES_MAX);
    return false;
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

static void list_one(void *context)
{
    uint32_t *count = context;
    char name[TEXT_BYTES];
    char guid[RUNTIME_VALUE_GUID_BYTES];
    runtime_value_text(name, sizeof(name), variable.name, RUNTIME_NAME_CHARS);
    runtime_value_guid(guid, &variable.vendor);
    print("%s %6llu %s\n", guid, value_size(), name);
    (*count)++;
}

static void list(void)
{
    uint32_t count = 0;
    bool complete = for_each_variable(list_one, &count);
    print("vars: %u variables%s\n", count, complete ? "" : ", not complete");
}

static void dump(const uint8_t *bytes, uint64_t size_bytes)
{
    for (uint64_t row = 0; row < size_bytes; row += 16) {
        uint64_t end = min_u64(row + 16, size_bytes);
        print("%04llx ", row);
        for (uint64_t i = row; i < row + 16; i++) {
            if (i < end)
                print(" %02x", bytes[i]);
            else
                print("   ");
        }
        print("  ");
        for (uint64_t i = row; i < end; i++)
            print("%c", bytes[i] >= ' ' && bytes[i] < 0x7F ? bytes[i] : '.');
        print("\n");
    }
}

static void dump_value(void)
{
    uint64_t size_bytes = value_size();
    if (size_bytes > VALUE_MAX) {
        print("vars: %llu bytes, more than the %llu that are dumped\n", size_bytes, VALUE_MAX);
        return;
    }
    uint8_t *bytes = heap_alloc(&kernel_mm.heap, memory_cache(), size_bytes);
    if (bytes == NULL) {
        print("vars: no memory for %llu bytes\n", size_bytes);
        return;
    }
    uint32_t attributes;
    if (worked(RUNTIME_GET_VARIABLE, runtime_get_variable(&variable, &attributes, bytes, &size_bytes))) {
        print("attributes 0x%x, %llu bytes\n", attributes, size_bytes);
        dump(bytes, size_bytes);
    }
    heap_free(&kernel_mm.heap, memory_cache(), bytes);
}

struct search {
    const char *name;
    uint32_t found;
};

static void show_if_named(void *context)
{
    struct search *search = context;
    char name[TEXT_BYTES];
    char guid[RUNTIME_VALUE_GUID_BYTES];
    runtime_value_text(name, sizeof(name), variable.name, RUNTIME_NAME_CHARS);
    if (strcmp(name, search->name) != 0)
        return;
    search->found++;
    runtime_value_guid(guid, &variable.vendor);
    print("%s %s\n", guid, name);
    dump_value();
}

static void show(const char *name)
{
    struct search search = {.name = name};
    if (for_each_variable(show_if_named, &search) && search.found == 0)
        print("vars: no variable '%s'\n", name);
}

/* vars set NAME TEXT..., or without a text: vars delete NAME. */
static void set(const struct words *words, uint32_t attributes)
{
    char text[TEXT_BYTES];
    size_t length = 0;
    for (unsigned i = 3; i < words->count; i++) {
        size_t word = strlen(words->word[i]);
        if (length + 1 + word > sizeof(text)) {
            print("vars: a value of more than %u characters\n", TEXT_BYTES - 1);
            return;
        }
        if (i > 3)
            text[length++] = ' ';
        memcpy(text + length, words->word[i], word);
        length += word;
    }
    memset(&variable, 0, sizeof(variable));
    variable.vendor = keel_guid;
    enum status status = runtime_value_name(variable.name, RUNTIME_NAME_CHARS, words->word[2]);
    if (worked(RUNTIME_SET_VARIABLE, status) &&
        worked(RUNTIME_SET_VARIABLE, runtime_set_variable(&variable, attributes, text, length)))
        print("vars: %s %s\n", words->word[2], length == 0 ? "deleted" : "set");
}

static void run_vars(const struct words *words)
{
    const char *verb = words->count > 1 ? words->word[1] : "";
    if (words->count == 1)
        list();
    else if (words->count > 3 && strcmp(verb, "set") == 0)
        set(words, SET_ATTRIBUTES);
    else if (words->count == 3 && strcmp(verb, "delete") == 0)
        set(words, 0);
    else if (words->count == 2)
        show(verb);
    else
        monitor_bad_argument(words, words->word[2]);
}

const struct command commands_firmware[] = {
    {"vars", "[NAME|set NAME TEXT|delete NAME]", "the firmware's variables, a value, or changes to Keel's own",
     run_vars                                                                                                       },
    {NULL,   NULL,                               NULL,                                                          NULL},
};
