/*
 * The line editor: a table of keys, small functions on the text, and one function that brings the screen up to date.
 *
 * An edit changes text, length and cursor, then names the first character that looks different now; redraw() scrolls if
 * the cursor has left the view and rewrites from there on. So no edit knows what a screen is.
 */
#include "kernel/line.h"

#include "drivers/keymap.h"
#include "kernel/base/string.h"

#define ERASE 0x7F /* what most terminals send for Backspace */

static void emit(struct line *line, char c)
{
    line->output(line->context, c);
}

static void refuse(struct line *line)
{
    emit(line, '\a');
}

/* Moves the console's cursor; to the right by writing again what stands there. */
static void move_to(struct line *line, uint32_t column)
{
    for (; line->column > column; line->column--)
        emit(line, '\b');
    for (; line->column < column; line->column++)
        emit(line, line->text[line->first + line->column]);
}

/* The text differs from what is in view from character `changed` (at most length) on. */
static void redraw(struct line *line, uint32_t changed)
{
    if (line->cursor < line->first || line->cursor > line->first + LINE_COLUMNS) {
        /* By half a view, so that the next keys need no scrolling. */
        line->first = line->cursor > LINE_COLUMNS / 2 ? line->cursor - LINE_COLUMNS / 2 : 0;
        changed = line->first;
    }
    uint32_t in_view = (uint32_t)min_u64(line->length - line->first, LINE_COLUMNS);
    uint32_t column = changed > line->first ? changed - line->first : 0;
    move_to(line, (uint32_t)min_u64(column, in_view));
    move_to(line, in_view);
    for (; line->column < line->shown; line->column++)
        emit(line, ' ');
    line->shown = in_view;
    move_to(line, line->cursor - line->first);
}

static void place_cursor(struct line *line, uint32_t cursor)
{
    line->cursor = cursor;
    if (cursor >= line->first && cursor <= line->first + line->shown)
        move_to(line, cursor - line->first);
    else
        redraw(line, line->first);
}

static void insert(struct line *line, char c)
{
    if (line->length == LINE_BYTES - 1) {
        refuse(line);
        return;
    }
    char *at = &line->text[line->cursor];
    memmove(at + 1, at, line->length - line->cursor);
    *at = c;
    line->length++;
    line->cursor++;
    redraw(line, line->cursor - 1);
}

/* Takes the characters [from, to) out and leaves the cursor there. */
static void erase(struct line *line, uint32_t from, uint32_t to)
{
    if (from == to) {
        refuse(line);
        return;
    }
    memmove(&line->text[from], &line->text[to], line->length - to);
    line->length -= to - from;
    line->cursor = from;
    redraw(line, from);
}

static void erase_before(struct line *line)
{
    erase(line, line->cursor > 0 ? line->cursor - 1 : 0, line->cursor);
}

static void erase_under(struct line *line)
{
    erase(line, line->cursor, line->cursor < line->length ? line->cursor + 1 : line->cursor);
}

static void erase_to_start(struct line *line)
{
    erase(line, 0, line->cursor);
}

static void erase_to_end(struct line *line)
{
    erase(line, line->cursor, line->length);
}

/* The word before the cursor, with the blanks behind it. */
static void erase_word(struct line *line)
{
    uint32_t from = line->cursor;
    while (from > 0 && line->text[from - 1] == ' ')
        from--;
    while (from > 0 && line->text[from - 1] != ' ')
        from--;
    erase(line, from, line->cursor);
}

static void go_left(struct line *line)
{
    if (line->cursor > 0)
        place_cursor(line, line->cursor - 1);
    else
        refuse(line);
}

static void go_right(struct line *line)
{
    if (line->cursor < line->length)
        place_cursor(line, line->cursor + 1);
    else
        refuse(line);
}

static void go_start(struct line *line)
{
    place_cursor(line, 0);
}

static void go_end(struct line *line)
{
    place_cursor(line, line->length);
}

static void clear_screen(struct line *line)
{
    emit(line, '\f');
    for (const char *at = line->prompt; *at != '\0'; at++)
        emit(line, *at);
    line->column = 0;
    line->shown = 0;
    redraw(line, line->first);
}

static void replace(struct line *line, const char *text)
{
    line->length = (uint32_t)strlen(text);
    memcpy(line->text, text, line->length);
    line->cursor = line->length;
    line->first = 0;
    redraw(line, 0);
}

static char *history_entry(struct line *line, uint32_t back)
{
    return line->history[(line->history_count - back) % LINE_HISTORY];
}

static void history_older(struct line *line)
{
    if (line->history_back == min_u64(line->history_count, LINE_HISTORY)) {
        refuse(line);
        return;
    }
    if (line->history_back == 0) {
        memcpy(line->draft, line->text, line->length);
        line->draft[line->length] = '\0';
    }
    line->history_back++;
    replace(line, history_entry(line, line->history_back));
}

static void history_newer(struct line *line)
{
    if (line->history_back == 0) {
        refuse(line);
        return;
    }
    line->history_back--;
    replace(line, line->history_back == 0 ? line->draft : history_entry(line, line->history_back));
}

/* Keeps the finished line, unless it is empty or the same as the one before. */
static void history_remember(struct line *line)
{
    if (line->length == 0)
        return;
    if (line->history_count > 0 && strcmp(history_entry(line, 1), line->text) == 0)
        return;
    memcpy(line->history[line->history_count % LINE_HISTORY], line->text, line->length + 1);
    line->history_count++;
}

static const struct {
    int key;
    void (*edit)(struct line *line);
} edits[] = {
    {'\b',          erase_before  },
    {ERASE,         erase_before  },
    {KEY_DELETE,    erase_under   },
    {KEY_LEFT,      go_left       },
    {KEY_RIGHT,     go_right      },
    {KEY_HOME,      go_start      },
    {KEY_END,       go_end        },
    {KEY_CTRL('A'), go_start      },
    {KEY_CTRL('E'), go_end        },
    {KEY_UP,        history_older },
    {KEY_DOWN,      history_newer },
    {KEY_CTRL('U'), erase_to_start},
    {KEY_CTRL('K'), erase_to_end  },
    {KEY_CTRL('W'), erase_word    },
    {KEY_CTRL('L'), clear_screen  },
};

static enum line_event finish(struct line *line)
{
    go_end(line);
    emit(line, '\n');
    line->text[line->length] = '\0';
    history_remember(line);
    return LINE_ENTERED;
}

static enum line_event cancel(struct line *line)
{
    go_end(line);
    for (const char *at = "^C\n"; *at != '\0'; at++)
        emit(line, *at);
    line->length = 0;
    line->text[0] = '\0';
    return LINE_CANCELLED;
}

void line_init(struct line *line, const char *prompt, line_output *output, void *context)
{
    memset(line, 0, sizeof(*line));
    line->prompt = prompt;
    line->output = output;
    line->context = context;
}

void line_begin(struct line *line)
{
    line->length = 0;
    line->cursor = 0;
    line->first = 0;
    line->column = 0;
    line->shown = 0;
    line->history_back = 0;
    for (const char *at = line->prompt; *at != '\0'; at++)
        emit(line, *at);
}

enum line_event line_key(struct line *line, int key)
{
    if (key == '\r' || key == '\n')
        return finish(line);
    if (key == KEY_CTRL('C'))
        return cancel(line);
    for (size_t i = 0; i < ARRAY_COUNT(edits); i++) {
        if (edits[i].key == key) {
            edits[i].edit(line);
            return LINE_EDITING;
        }
    }
    if (key >= ' ' && key < ERASE)
        insert(line, (char)key);
    else
        refuse(line);
    return LINE_EDITING;
}
