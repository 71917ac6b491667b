/*
 * The line editor, watched on a terminal of 80 columns that knows only what line.h says consoles know.
 *
 * After every key the terminal must show the prompt, the part of the text in view and nothing else, with its cursor
 * where the editor's is; so each test that types at all also tests the drawing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/keymap.h"
#include "kernel/line.h"

#define PROMPT  "keel> "
#define COLUMNS 80

struct terminal {
    char row[COLUMNS];
    int column;
    int bells;
    int newlines;
    int clears;
};

static struct terminal terminal;
static struct line line;

static void clear_row(struct terminal *t)
{
    memset(t->row, ' ', COLUMNS);
    t->column = 0;
}

static void output(void *context, char c)
{
    struct terminal *t = context;
    switch (c) {
    case '\b':
        assert_true(t->column > 0);
        t->column--;
        break;
    case '\n':
        t->newlines++;
        clear_row(t);
        break;
    case '\a':
        t->bells++;
        break;
    case '\f':
        t->clears++;
        clear_row(t);
        break;
    default:
        assert_true(c >= ' ' && c < 0x7F);
        assert_true(t->column < COLUMNS - 1);
        t->row[t->column++] = c;
    }
}

static void assert_drawn(void)
{
    char expected[COLUMNS];
    memset(expected, ' ', COLUMNS);
    memcpy(expected, PROMPT, strlen(PROMPT));
    assert_true(line.cursor <= line.length);
    assert_true(line.first <= line.cursor && line.cursor <= line.first + LINE_COLUMNS);
    size_t in_view = line.length - line.first < LINE_COLUMNS ? line.length - line.first : LINE_COLUMNS;
    memcpy(expected + strlen(PROMPT), line.text + line.first, in_view);
    assert_memory_equal(terminal.row, expected, COLUMNS);
    assert_int_equal(terminal.column, (int)(strlen(PROMPT) + line.cursor - line.first));
}

static enum line_event key(int code)
{
    enum line_event event = line_key(&line, code);
    if (event == LINE_EDITING)
        assert_drawn();
    else
        line_begin(&line);
    return event;
}

static void type(const char *text)
{
    for (; *text != '\0'; text++)
        key(*text);
}

static void assert_text(const char *expected)
{
    char text[LINE_BYTES];
    memcpy(text, line.text, line.length);
    text[line.length] = '\0';
    assert_string_equal(text, expected);
}

static int start(void **state)
{
    (void)state;
    memset(&terminal, 0, sizeof(terminal));
    clear_row(&terminal);
    line_init(&line, PROMPT, output, &terminal);
    line_begin(&line);
    return 0;
}

static void a_line_is_entered(void **state)
{
    (void)state;
    type("mem");
    assert_int_equal(line_key(&line, '\r'), LINE_ENTERED);
    assert_string_equal(line.text, "mem");
    assert_int_equal(terminal.newlines, 1);
    assert_int_equal(terminal.column, 0);
}

static void text_goes_in_and_out_in_the_middle(void **state)
{
    (void)state;
    type("me");
    key(KEY_LEFT);
    type("xy");
    assert_text("mxye");
    key('\b');
    assert_text("mxe");
    key(KEY_DELETE);
    assert_text("mx");
    key(KEY_HOME);
    type("<");
    key(KEY_END);
    type(">");
    assert_text("<mx>");
    key(0x7F);
    assert_text("<mx");
    key(KEY_CTRL('A'));
    key(KEY_RIGHT);
    key(KEY_CTRL('K'));
    assert_text("<");
    key(KEY_CTRL('E'));
    type("one two  ");
    key(KEY_CTRL('W'));
    assert_text("<one ");
    key(KEY_LEFT);
    key(KEY_CTRL('U'));
    assert_text(" ");
    assert_int_equal(terminal.bells, 0);
}

static void what_cannot_be_done_beeps(void **state)
{
    (void)state;
    const int keys[] = {'\b',
                        KEY_DELETE,
                        KEY_LEFT,
                        KEY_RIGHT,
                        KEY_UP,
                        KEY_DOWN,
                        KEY_CTRL('U'),
                        KEY_CTRL('W'),
                        KEY_CTRL('K'),
                        KEY_CTRL('D'),
                        '\t',
                        0x80,
                        0xFF,
                        0x10FFFF,
                        KEY_PAGE_UP,
                        -1,
                        0};
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        key(keys[i]);
        assert_int_equal(terminal.bells, (int)i + 1);
        assert_text("");
    }
}

static void a_long_line_scrolls_and_ends_at_the_limit(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LINE_BYTES - 1; i++)
        key((int)('a' + i % 26));
    assert_int_equal(terminal.bells, 0);
    assert_int_equal(line.length, LINE_BYTES - 1);
    key('!');
    assert_int_equal(terminal.bells, 1);
    assert_int_equal(line.length, LINE_BYTES - 1);
    for (unsigned i = 0; i < LINE_BYTES - 1; i++)
        key(KEY_LEFT);
    assert_int_equal(line.cursor, 0);
    key(KEY_DELETE);
    key(KEY_END);
    key('!');
    assert_int_equal(terminal.bells, 1);
    key(KEY_CTRL('U'));
    assert_text("");
}

static void history_goes_back_and_forth(void **state)
{
    (void)state;
    type("mem\r");
    type("cpus\r");
    type("cpus\r"); /* the same again is not kept twice */
    type("\r");     /* nor is nothing */
    type("dra");
    key(KEY_UP);
    assert_text("cpus");
    key(KEY_UP);
    assert_text("mem");
    key(KEY_UP);
    assert_int_equal(terminal.bells, 1);
    assert_text("mem");
    key(KEY_DOWN);
    assert_text("cpus");
    key(KEY_DOWN);
    assert_text("dra");
    key(KEY_DOWN);
    assert_int_equal(terminal.bells, 2);
    key(KEY_UP);
    assert_int_equal(line_key(&line, '\n'), LINE_ENTERED);
    assert_string_equal(line.text, "cpus");
}

static void history_keeps_the_last_sixteen(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        char text[16];
        snprintf(text, sizeof(text), "line %d\r", i);
        type(text);
    }
    for (unsigned i = 0; i < LINE_HISTORY; i++)
        key(KEY_UP);
    assert_text("line 84");
    assert_int_equal(terminal.bells, 0);
    key(KEY_UP);
    assert_text("line 84");
    assert_int_equal(terminal.bells, 1);
}

static void control_c_drops_the_line(void **state)
{
    (void)state;
    type("poweroff");
    assert_int_equal(line_key(&line, KEY_CTRL('C')), LINE_CANCELLED);
    assert_string_equal(line.text, "");
    line_begin(&line);
    assert_drawn();
    key(KEY_UP);
    assert_text("");
}

static void control_l_clears_and_draws_again(void **state)
{
    (void)state;
    type("mem; cpus");
    key(KEY_LEFT);
    key(KEY_CTRL('L'));
    assert_int_equal(terminal.clears, 1);
    assert_text("mem; cpus");
}

/* Any keys in any order: key() compares the terminal with the text after each. */
static void any_keys_keep_the_screen_true(void **state)
{
    (void)state;
    const int codes[] = {'\b',          0x7F,          KEY_DELETE,    KEY_LEFT,      KEY_RIGHT,     KEY_HOME,
                         KEY_END,       KEY_UP,        KEY_DOWN,      KEY_CTRL('A'), KEY_CTRL('E'), KEY_CTRL('U'),
                         KEY_CTRL('K'), KEY_CTRL('W'), KEY_CTRL('L'), KEY_CTRL('C'), '\r'};
    srand(7);
    for (int i = 0; i < 200000; i++) {
        int dice = rand() % 100;
        if (dice < 85)
            key(' ' + rand() % 95);
        else if (dice < 99)
            key(codes[(size_t)rand() % 9]);
        else
            key(codes[(size_t)rand() % ARRAY_COUNT(codes)]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_line_is_entered, start),
        cmocka_unit_test_setup(text_goes_in_and_out_in_the_middle, start),
        cmocka_unit_test_setup(what_cannot_be_done_beeps, start),
        cmocka_unit_test_setup(a_long_line_scrolls_and_ends_at_the_limit, start),
        cmocka_unit_test_setup(history_goes_back_and_forth, start),
        cmocka_unit_test_setup(history_keeps_the_last_sixteen, start),
        cmocka_unit_test_setup(control_c_drops_the_line, start),
        cmocka_unit_test_setup(control_l_clears_and_draws_again, start),
        cmocka_unit_test_setup(any_keys_keep_the_screen_true, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
