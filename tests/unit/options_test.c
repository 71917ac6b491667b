/* The kernel's command line: every word that is taken, every complaint, and that no text can go out of bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/options.h"

static void all_words_are_taken(void **state)
{
    (void)state;
    struct options options;
    options_parse(&options, "run=\"mem; cpus; poweroff\" test=all log=debug cpus=16 keep-boot-services noruntime "
                            "nokaslr font=16x32");
    assert_int_equal(options.complaint_count, 0);
    assert_string_equal(options.run, "mem; cpus; poweroff");
    assert_string_equal(options.test, "all");
    assert_int_equal(options.log, LOG_DEBUG);
    assert_int_equal(options.cpus, 16);
    assert_true(options.keep_boot_services);
    assert_true(options.noruntime);
    assert_true(options.nokaslr);
    assert_string_equal(options.font, "16x32");
}

static void nothing_gives_the_defaults(void **state)
{
    (void)state;
    const char *const texts[] = {NULL, "", "   ", "\r\n\t "};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct options options;
        memset(&options, 0xAA, sizeof(options));
        options_parse(&options, texts[i]);
        assert_int_equal(options.complaint_count, 0);
        assert_string_equal(options.run, "");
        assert_string_equal(options.test, "");
        assert_int_equal(options.log, LOG_INFO);
        assert_int_equal(options.cpus, 0);
        assert_false(options.keep_boot_services);
    }
}

static void a_bad_word_is_named_and_the_rest_counts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum options_reason reason;
        const char *word;
    } rows[] = {
        {"speed=11",                                    OPTIONS_UNKNOWN,     "speed=11"                               },
        {"RUN=mem",                                     OPTIONS_UNKNOWN,     "RUN=mem"                                },
        {"ru=mem",                                      OPTIONS_UNKNOWN,     "ru=mem"                                 },
        {"=",                                           OPTIONS_UNKNOWN,     "="                                      },
        {"\"\"",                                        OPTIONS_UNKNOWN,     ""                                       },
        {"run",                                         OPTIONS_NO_VALUE,    "run"                                    },
        {"run=\"\"",                                    OPTIONS_NO_VALUE,    "run="                                   },
        {"noruntime=1",                                 OPTIONS_EXTRA_VALUE, "noruntime=1"                            },
        {"noruntime=",                                  OPTIONS_EXTRA_VALUE, "noruntime="                             },
        {"log=loud",                                    OPTIONS_BAD_VALUE,   "log=loud"                               },
        {"cpus=0",                                      OPTIONS_BAD_VALUE,   "cpus=0"                                 },
        {"cpus=-1",                                     OPTIONS_BAD_VALUE,   "cpus=-1"                                },
        {"cpus=4x",                                     OPTIONS_BAD_VALUE,   "cpus=4x"                                },
        {"cpus=65536",                                  OPTIONS_BAD_VALUE,   "cpus=65536"                             },
        {"cpus=99999999999999999999",                   OPTIONS_BAD_VALUE,   "cpus=99999999999999999999"              },
        {"test=a-name-of-more-than-thirty-one-letters", OPTIONS_TOO_LONG,    "test=a-name-of-more-than-thirty-one-let"},
        {"x\001\033[2J",                                OPTIONS_UNKNOWN,     "x??[2J"                                 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[128];
        strcpy(text, "nokaslr ");
        strcat(text, rows[i].text);
        strcat(text, " keep-boot-services");
        struct options options;
        options_parse(&options, text);
        assert_int_equal(options.complaint_count, 1);
        assert_int_equal(options.complaints[0].reason, rows[i].reason);
        assert_memory_equal(options.complaints[0].word, rows[i].word, strlen(rows[i].word));
        assert_true(options.nokaslr && options.keep_boot_services);
        assert_int_equal(options.cpus, 0);
        assert_string_equal(options.test, "");
    }
}

static void an_open_quote_is_named_and_its_value_not_taken(void **state)
{
    (void)state;
    struct options options;
    options_parse(&options, "noruntime run=\"mem; poweroff");
    assert_int_equal(options.complaint_count, 1);
    assert_int_equal(options.complaints[0].reason, OPTIONS_UNTERMINATED);
    assert_string_equal(options.complaints[0].word, "run=mem; poweroff");
    assert_string_equal(options.run, "");
    assert_true(options.noruntime);
}

static void the_last_of_two_counts(void **state)
{
    (void)state;
    struct options options;
    options_parse(&options, "cpus=2 run=mem cpus=3 run=\"cpus\"");
    assert_int_equal(options.complaint_count, 0);
    assert_int_equal(options.cpus, 3);
    assert_string_equal(options.run, "cpus");
}

static void the_shells_program_name_is_passed_over(void **state)
{
    (void)state;
    struct options options;
    options_parse(&options, "FS0:\\EFI\\keel.EFI noruntime");
    assert_int_equal(options.complaint_count, 0);
    assert_true(options.noruntime);
    options_parse(&options, "noruntime keel.efi");
    assert_int_equal(options.complaint_count, 1);
    options_parse(&options, "boot=keel.efi");
    assert_int_equal(options.complaint_count, 1);
}

static void texts_fit_to_the_last_byte(void **state)
{
    (void)state;
    char text[2 * OPTIONS_RUN_BYTES];
    for (size_t length = OPTIONS_RUN_BYTES - 2; length <= OPTIONS_RUN_BYTES + 80; length++) {
        strcpy(text, "run=");
        memset(text + 4, 'm', length);
        text[4 + length] = '\0';
        struct options options;
        options_parse(&options, text);
        bool fits = length < OPTIONS_RUN_BYTES;
        assert_int_equal(strlen(options.run), fits ? length : 0);
        assert_int_equal(options.complaint_count, fits ? 0 : 1);
        if (!fits)
            assert_int_equal(options.complaints[0].reason, OPTIONS_TOO_LONG);
    }
}

static void complaints_are_counted_past_their_limit(void **state)
{
    (void)state;
    char text[128] = "";
    for (int i = 0; i < 20; i++)
        strcat(text, "w ");
    struct options options;
    options_parse(&options, text);
    assert_int_equal(options.complaint_count, 20);
}

/* Any bytes at all: no complaint from the sanitizers, every text terminated, every reason has its words. */
static void garbage_is_harmless(void **state)
{
    (void)state;
    static const char alphabet[] = "run=test log cpus\"\"==99  \t\n\xff\x01.efi";
    srand(1);
    for (int round = 0; round < 20000; round++) {
        char text[1024];
        size_t length = (size_t)rand() % sizeof(text);
        for (size_t i = 0; i < length; i++)
            text[i] = round % 2 ? alphabet[(size_t)rand() % (sizeof(alphabet) - 1)] : (char)(rand() % 255 + 1);
        text[length == 0 ? 0 : length - 1] = '\0';
        struct options options;
        options_parse(&options, text);
        assert_non_null(memchr(options.run, 0, OPTIONS_RUN_BYTES));
        assert_non_null(memchr(options.test, 0, OPTIONS_NAME_BYTES));
        assert_true(options.cpus <= OPTIONS_CPUS_MAX);
        for (uint32_t i = 0; i < options.complaint_count && i < OPTIONS_COMPLAINTS_MAX; i++) {
            assert_non_null(memchr(options.complaints[i].word, 0, OPTIONS_WORD_BYTES));
            assert_string_not_equal(options_reason_text(options.complaints[i].reason), "?");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_words_are_taken),
        cmocka_unit_test(nothing_gives_the_defaults),
        cmocka_unit_test(a_bad_word_is_named_and_the_rest_counts),
        cmocka_unit_test(an_open_quote_is_named_and_its_value_not_taken),
        cmocka_unit_test(the_last_of_two_counts),
        cmocka_unit_test(the_shells_program_name_is_passed_over),
        cmocka_unit_test(texts_fit_to_the_last_byte),
        cmocka_unit_test(complaints_are_counted_past_their_limit),
        cmocka_unit_test(garbage_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
