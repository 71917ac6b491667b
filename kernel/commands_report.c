/*
 * Monitor commands that hand something out of a machine without a serial port: report, crash, log, save, and what `qr`
 * and `save` mean behind those that print a text.
 *
 *     print_it --> console's copy --> text --+--> codes on the screen, page after page
 *                                            '--> a variable of the firmware's (kernel/crash.c)
 *
 * Rules: a text is what its command prints, to the byte: who reads it need not know which way it came.
 */
#include "kernel/base/format.h"
#include "kernel/base/string.h"
#include "kernel/console.h"
#include "kernel/crash.h"
#include "kernel/display.h"
#include "kernel/image.h"
#include "kernel/keyboard.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/memory.h"
#include "kernel/monitor.h"
#include "kernel/qr_screen.h"
#include "kernel/runtime.h"
#include "kernel/smp.h"
#include "kernel/x86/cpu.h"

/* What a second printing may be longer by: counters grow. */
#define SLACK_BYTES 256u

#define TITLE_BYTES 96u

/* Page after page, until keys have turned them all. */
static void show_codes(const char *name, const char *text, size_t length)
{
    struct qr_screen plan;
    struct screen *screen = console_screen_lend();
    if (screen == NULL || !qr_screen_plan(&plan, screen, screen->font->height_pixels, text, length)) {
        console_screen_return();
        print("%s: no screen that a code fits on\n", name);
        return;
    }
    for (uint32_t page = 0; page < plan.page_count;) {
        char title[TITLE_BYTES];
        format_buffer(title, sizeof(title), " %s: page %u of %u. Any key: on. Left: back. Esc: leave.", name, page + 1,
                      plan.page_count);
        screen_fill(screen, 0, 0, screen->mode.width_pixels, plan.top, screen->colours[SCREEN_WHITE]);
        screen_draw_text(screen, 0, 0, 1, title, screen->colours[SCREEN_BLACK]);
        qr_screen_draw(&plan, page);
        int key = monitor_wait_key();
        page = key == KEY_ESCAPE ? plan.page_count : key != KEY_LEFT ? page + 1 : page - (page != 0);
    }
    console_screen_return();
}

/* What print_it prints, in `room` bytes behind a record's header. Returns its length. */
static size_t capture(void (*print_it)(void), struct crash_record *record, size_t room)
{
    struct console_copy copy = {.text = record != NULL ? record->text : NULL, .capacity = room, .only = true};
    console_set_copy(&copy);
    print_it();
    console_set_copy(NULL);
    return copy.length;
}

void monitor_hand_out(const struct words *words, void (*print_it)(void), enum crash_kind kind)
{
    bool save = words->count == 2 && strcmp(words->word[1], "save") == 0;
    if (words->count == 1) {
        print_it();
        return;
    }
    if (!save && (words->count != 2 || strcmp(words->word[1], "qr") != 0)) {
        monitor_bad_argument(words, words->word[words->count - 1]);
        return;
    }
    size_t room = capture(print_it, NULL, 0) + SLACK_BYTES;
    struct crash_record *record = heap_alloc(memory_heap(), sizeof(*record) + room);
    if (record == NULL) {
        print("%s: no memory for %zu bytes\n", words->word[0], room);
        return;
    }
    size_t length = min_u64(capture(print_it, record, room), room);
    if (save)
        (void)crash_save(record, kind, length);
    else
        show_codes(words->word[0], record->text, length);
    heap_free(memory_heap(), record, sizeof(*record) + room);
}

void command_crash(const struct words *words)
{
    const struct crash_record *last = crash_last();
    if (words->count == 2 && strcmp(words->word[1], "qr") == 0 && last != NULL)
        show_codes("crash", last->text, last->text_bytes);
    else
        crash_print();
}

void command_log(const struct words *words)
{
    enum log_level level;
    if (words->count == 2 && log_parse_level(words->word[1], &level) == STATUS_OK)
        log_set_level(level);
    else
        monitor_hand_out(words, log_print, CRASH_LOG);
}

void command_save(const struct words *words)
{
    const struct words log = {2, {"log", "save"}};
    if (words->count == 2 && strcmp(words->word[1], "log") == 0)
        monitor_hand_out(&log, log_print, CRASH_LOG);
    else
        monitor_bad_argument(words, words->word[words->count - 1]);
}

/* ---- report ---- */

/* Bus, device and function, vendor and device, class: three a line, as `lspci -n` numbers them. */
static void report_pci(void)
{
    const struct pci *pci = &machine_facts()->pci;
    for (uint32_t i = 0; i < pci->function_count; i++) {
        const struct pci_function *function = &pci->functions[i];
        print("%s%02x:%02x.%u %04x:%04x %02x%02x%02x", i % 3 != 0 ? ", " : i == 0 ? "pci: " : "\npci: ",
              function->address.bus, function->address.device, function->address.function, function->vendor_id,
              function->device_id, function->class_code, function->subclass, function->interface);
    }
    print("\n");
}

static void report_firmware(void)
{
    for (unsigned i = 0; i < RUNTIME_SERVICE_COUNT; i++)
        if (runtime_off_reason((enum runtime_service)i) != NULL)
            print("%s: %s\n", runtime_service_name((enum runtime_service)i),
                  runtime_off_reason((enum runtime_service)i));
    struct runtime_storage storage;
    if (runtime_query_storage(&storage) == STATUS_OK)
        print("variable store: total=%llu free=%llu largest=%llu\n", storage.total_bytes, storage.free_bytes,
              storage.variable_bytes_max);
    command_boot(); /* the firmware, what it got wrong, and how long each phase took */
}

static void print_report(void)
{
    const struct cpu_features *cpu = cpu_features();
    const struct handoff *handoff = memory_handoff();
    const struct acpi *acpi = &machine_facts()->acpi;
    print("# Keel's report of a machine; kernel %08x, UEFI %u.%u\n", image_id(), handoff->uefi_revision >> 16,
          (handoff->uefi_revision & 0xFFFF) / 10);
    print("cpu: %s %s, signature 0x%x; %u running, %u missing\n", cpu->vendor, cpu->brand, cpu->signature,
          smp_cpu_count(), smp_facts().missing_count);
    command_mem(); /* and what was wrong with the firmware's map */
    command_screen();
    for (const struct keyboard *keyboard = keyboard_first(); keyboard != NULL; keyboard = keyboard->next)
        if (keyboard->name != NULL)
            print("keyboard: %s\n", keyboard->name);
    print("acpi: %s:", acpi->oem_id);
    for (uint32_t i = 0; i < acpi->table_count; i++)
        print(" %.4s", acpi->tables[i].signature);
    print("\n");
    report_pci();
    report_firmware();
}

void command_report(const struct words *words)
{
    monitor_hand_out(words, print_report, CRASH_REPORT);
}
