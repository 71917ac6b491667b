/* The kernel's command line: every word that is taken, every complaint, and that no text can go out of bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/console.h"
#include "kernel/options.h"
#include "kernel/time.h"

/* What the log needs: a clock, which stands still, and a console, which remembers. */
uint64_t time_now_us(void)
{
    return 0;
}

static char printed[1024];

bool console_is_panicking(void)
{
    return false;
}

void console_write_coloured(uint8_t colour, const char *text, size_t size_bytes)
{
    (void)colour;
    size_t length = strlen(printed);
    assert_true(size_bytes < sizeof(printed) - length);
    memcpy(printed + length, text, size_bytes);
    printed[length + size_bytes] = '\0';
}

void console_write(const char *text, size_t size_bytes)
{
    console_write_coloured(0, text, size_bytes);
}

static struct options options;
static uint32_t complaint_count;
static char mistake[32]; /* of the first complaint */
static char word[OPTIONS_RUN_BYTES * 2];

static void complain(const char *what, const char *about)
{
    if (complaint_count++ == 0) {
        assert_true(strlen(what) < sizeof(mistake) && strlen(about) < sizeof(word));
        strcpy(mistake, what);
        strcpy(word, about);
    }
}

static void parse(const char *text)
{
    complaint_count = 0;
    memset(&options, 0xAA, sizeof(options));
    options_parse(&options, text, complain);
}

static void all_words_are_taken(void **state)
{
    (void)state;
    parse("run=\"mem; cpus; poweroff\" test=all log=debug cpus=16 keep-boot-services noruntime "
          "nokaslr font=16x32 keymap=de");
    assert_int_equal(complaint_count, 0);
    assert_string_equal(options.run, "mem; cpus; poweroff");
    assert_string_equal(options.test, "all");
    assert_int_equal(options.log, LOG_DEBUG);
    assert_int_equal(options.cpus, 16);
    assert_true(options.keep_boot_services);
    assert_true(options.noruntime);
    assert_true(options.nokaslr);
    assert_string_equal(options.font, "16x32");
    assert_string_equal(options.keymap, "de");
}

static void nothing_gives_the_defaults(void **state)
{
    (void)state;
    const char *const texts[] = {"", "   ", "\r\n\t "};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        parse(texts[i]);
        assert_int_equal(complaint_count, 0);
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
        const char *mistake;
        const char *word;
    } rows[] = {
        {"speed=11",                                    "unknown word",   "speed=11"                 },
        {"RUN=mem",                                     "unknown word",   "RUN=mem"                  },
        {"ru=mem",                                      "unknown word",   "ru=mem"                   },
        {"=",                                           "unknown word",   "="                        },
        {"\"\"",                                        "unknown word",   ""                         },
        {"run",                                         "needs a value",  "run"                      },
        {"run=\"\"",                                    "needs a value",  "run="                     },
        {"noruntime=1",                                 "takes no value", "noruntime=1"              },
        {"noruntime=",                                  "takes no value", "noruntime="               },
        {"log=loud",                                    "bad value",      "log=loud"                 },
        {"cpus=0",                                      "bad value",      "cpus=0"                   },
        {"cpus=-1",                                     "bad value",      "cpus=-1"                  },
        {"cpus=4x",                                     "bad value",      "cpus=4x"                  },
        {"cpus=65536",                                  "bad value",      "cpus=65536"               },
        {"cpus=99999999999999999999",                   "bad value",      "cpus=99999999999999999999"},
        {"test=a-name-of-more-than-thirty-one-letters", "value too long",
         "test=a-name-of-more-than-thirty-one-letters"                                               },
        {"cpus=00",                                     "bad value",      "cpus=00"                  },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[128];
        strcpy(text, "nokaslr ");
        strcat(text, rows[i].text);
        strcat(text, " keep-boot-services");
        parse(text);
        assert_int_equal(complaint_count, 1);
        assert_string_equal(mistake, rows[i].mistake);
        assert_string_equal(word, rows[i].word);
        assert_true(options.nokaslr && options.keep_boot_services);
        assert_int_equal(options.cpus, 0);
        assert_string_equal(options.test, "");
    }
}

static void an_open_quote_is_named_and_its_value_not_taken(void **state)
{
    (void)state;
    parse("noruntime run=\"mem; poweroff");
    assert_int_equal(complaint_count, 1);
    assert_string_equal(mistake, "the quote is not closed");
    assert_string_equal(word, "run=mem; poweroff");
    assert_string_equal(options.run, "");
    assert_true(options.noruntime);
}

static void the_last_of_two_counts(void **state)
{
    (void)state;
    parse("cpus=2 run=mem cpus=3 run=\"cpus\"");
    assert_int_equal(complaint_count, 0);
    assert_int_equal(options.cpus, 3);
    assert_string_equal(options.run, "cpus");
}

static void numbers_keep_to_their_range(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        uint32_t number;
    } rows[] = {
        {"3",          true,  3   },
        {"007",        true,  7   },
        {"1000",       true,  1000},
        {"2",          false, 0   },
        {"1001",       false, 0   },
        {"10000",      false, 0   },
        {"4294967299", false, 0   },
        {"",           false, 0   },
        {" 5",         false, 0   },
        {"5 ",         false, 0   },
        {"0x5",        false, 0   },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint32_t number = 0;
        assert_int_equal(options_parse_number(rows[i].text, 3, 1000, &number), rows[i].good);
        assert_int_equal(number, rows[i].number);
    }
}

static void texts_fit_to_the_last_byte(void **state)
{
    (void)state;
    char text[2 * OPTIONS_RUN_BYTES];
    for (size_t length = OPTIONS_RUN_BYTES - 2; length <= OPTIONS_RUN_BYTES + 80; length++) {
        strcpy(text, "run=");
        memset(text + 4, 'm', length);
        text[4 + length] = '\0';
        parse(text);
        bool fits = length < OPTIONS_RUN_BYTES;
        assert_int_equal(strlen(options.run), fits ? length : 0);
        assert_int_equal(complaint_count, fits ? 0 : 1);
        if (!fits)
            assert_string_equal(mistake, "value too long");
    }
}

static void every_complaint_is_heard(void **state)
{
    (void)state;
    char text[128] = "";
    for (int i = 0; i < 20; i++)
        strcat(text, "w ");
    parse(text);
    assert_int_equal(complaint_count, 20);
}

static void loading_says_what_is_wrong(void **state)
{
    (void)state;
    options_load("cpus=none frobnicate=7 font=16x33 run=mem");
    assert_non_null(strstr(printed, "bad value: 'cpus=none'"));
    assert_non_null(strstr(printed, "unknown word: 'frobnicate=7'"));
    assert_non_null(strstr(printed, "no such font: '16x33'"));
    assert_string_equal(options_current()->run, "mem");
    printed[0] = '\0';
    options_load("log=error font=32x64");
    assert_string_equal(printed, "");
}

/* Any bytes at all: no complaint from the sanitizers, every text terminated. */
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
        parse(text);
        assert_non_null(memchr(options.run, 0, OPTIONS_RUN_BYTES));
        assert_non_null(memchr(options.test, 0, OPTIONS_NAME_BYTES));
        assert_true(options.cpus <= OPTIONS_CPUS_MAX);
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
        cmocka_unit_test(numbers_keep_to_their_range),
        cmocka_unit_test(texts_fit_to_the_last_byte),
        cmocka_unit_test(every_complaint_is_heard),
        cmocka_unit_test(loading_says_what_is_wrong),
        cmocka_unit_test(garbage_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
