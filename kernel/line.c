/*
 * The line editor: a key for each small function on the text, and one function that brings the screen up to date.
 *
 * An edit changes text, length and cursor, then names the first character that looks different now; redraw() scrolls if
 * the cursor has left the view and rewrites from there on. So no edit knows what a screen is. An edit that cannot be
 * done returns false and has changed nothing.
 */
#include "kernel/line.h"

#include "drivers/keymap.h"
#include "kernel/base/string.h"

#define ERASE 0x7F /* what most terminals send for Backspace */

static void emit(struct line *line, const char *text)
{
    for (; *text != '\0'; text++)
        line->output(line->context, *text);
}

/* Moves the console's cursor; to the right by writing again what stands there. */
static void move_to(struct line *line, uint32_t column)
{
    for (; line->column > column; line->column--)
        line->output(line->context, '\b');
    for (; line->column < column; line->column++)
        line->output(line->context, line->text[line->first + line->column]);
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
    if (column < in_view || line->shown > in_view) {
        move_to(line, (uint32_t)min_u64(column, in_view));
        move_to(line, in_view);
        for (; line->column < line->shown; line->column++)
            line->output(line->context, ' ');
        line->shown = in_view;
    }
    move_to(line, line->cursor - line->first);
}

/* At the cursor, which goes on behind it. */
static bool insert(struct line *line, char c)
{
    if (line->length == LINE_BYTES - 1)
        return false;
    char *at = &line->text[line->cursor];
    memmove(at + 1, at, line->length - line->cursor);
    *at = c;
    line->length++;
    line->cursor++;
    redraw(line, line->cursor - 1);
    return true;
}

/* ---- Moving and erasing, both to a place. One before 0 is a huge number, refused like all beyond the end. ---- */

/* Nothing looks different, so nothing is drawn again unless the view scrolls. */
static bool move(struct line *line, uint32_t place)
{
    if (place > line->length)
        return false;
    line->cursor = place;
    redraw(line, line->length);
    return true;
}

/* Takes out what is between the cursor and the place, and leaves the cursor there. */
static bool erase(struct line *line, uint32_t place)
{
    if (place > line->length || place == line->cursor)
        return false;
    uint32_t from = (uint32_t)min_u64(place, line->cursor);
    uint32_t to = (uint32_t)max_u64(place, line->cursor);
    memmove(&line->text[from], &line->text[to], line->length - to);
    line->length -= to - from;
    line->cursor = from;
    redraw(line, from);
    return true;
}

/* The start of the word before the cursor. */
static uint32_t word_start(const struct line *line)
{
    uint32_t place = line->cursor;
    while (place > 0 && line->text[place - 1] == ' ')
        place--;
    while (place > 0 && line->text[place - 1] != ' ')
        place--;
    return place;
}

/* ---- History ---- */

/* The ring's newest is 1 back; 0 is the line that waits while history is in view. */
static char *history_entry(struct line *line, uint32_t back)
{
    return back == 0 ? line->draft : line->history[(line->history_count - back) % LINE_HISTORY];
}

/* Brings the line that was entered `back` lines ago into view; 0: the one that was being typed. */
static bool show_history(struct line *line, uint32_t back)
{
    if (back > min_u64(line->history_count, LINE_HISTORY))
        return false;
    line->text[line->length] = '\0';
    if (line->history_back == 0)
        memcpy(line->draft, line->text, line->length + 1);
    line->history_back = back;
    line->length = (uint32_t)strlen(history_entry(line, back));
    memcpy(line->text, history_entry(line, back), line->length);
    line->cursor = line->length;
    line->first = 0;
    redraw(line, 0);
    return true;
}

/* Keeps the finished line, unless it is empty or the same as the one before. */
static void remember(struct line *line)
{
    if (line->length == 0 || (line->history_count > 0 && strcmp(history_entry(line, 1), line->text) == 0))
        return;
    memcpy(line->history[line->history_count % LINE_HISTORY], line->text, line->length + 1);
    line->history_count++;
}

/* ---- Keys ---- */

void line_show(struct line *line)
{
    emit(line, line->prompt);
    line->column = 0;
    line->shown = 0;
    redraw(line, line->first);
}

/* False: a key that means nothing, or cannot do here what it means. */
static bool edit(struct line *line, int key)
{
    switch (key) {
    case '\b':
    case ERASE:
        return erase(line, line->cursor - 1);
    case KEY_DELETE:
        return erase(line, line->cursor + 1);
    case KEY_CTRL('U'):
        return erase(line, 0);
    case KEY_CTRL('K'):
        return erase(line, line->length);
    case KEY_CTRL('W'):
        return erase(line, word_start(line));
    case KEY_LEFT:
        return move(line, line->cursor - 1);
    case KEY_RIGHT:
        return move(line, line->cursor + 1);
    case KEY_HOME:
    case KEY_CTRL('A'):
        return move(line, 0);
    case KEY_END:
    case KEY_CTRL('E'):
        return move(line, line->length);
    case KEY_UP:
        return show_history(line, line->history_back + 1);
    case KEY_DOWN:
        return show_history(line, line->history_back - 1);
    case KEY_CTRL('L'): /* the console forgets everything, and so do we what stands there */
        emit(line, "\f");
        line_show(line);
        return true;
    default:
        return key >= ' ' && key < ERASE && insert(line, (char)key);
    }
}

enum line_event line_key(struct line *line, int key)
{
    if (key != '\r' && key != '\n' && key != KEY_CTRL('C')) {
        if (!edit(line, key))
            emit(line, "\a");
        return LINE_EDITING;
    }
    /* What is printed next comes behind all of the line. */
    (void)move(line, line->length);
    line->text[line->length] = '\0';
    if (key == KEY_CTRL('C')) {
        line->text[0] = '\0';
        emit(line, "^C\n");
        return LINE_CANCELLED;
    }
    emit(line, "\n");
    remember(line);
    return LINE_ENTERED;
}

void line_init(struct line *line, const char *prompt, line_output *output, void *context)
{
    *line = (struct line){.prompt = prompt, .output = output, .context = context};
}

void line_begin(struct line *line)
{
    line->length = 0;
    line->cursor = 0;
    line->first = 0;
    line->history_back = 0;
    line_show(line);
}
