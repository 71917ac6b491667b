/* Reading the script: see script.h. */
#include "tests/firmware/script.h"

#include "kernel/base/string.h"
#include "tests/firmware/misbehaviour.h"
#include "tests/firmware/serial.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts `line` into words. False: there are too many. */
static bool cut_words(char *line, struct words *words)
{
    *words = (struct words){0};
    while (*line != '\0') {
        while (is_blank(*line))
            *line++ = '\0';
        if (*line == '\0')
            break;
        if (words->count == SCRIPT_WORDS_MAX)
            return false;
        words->word[words->count++] = line;
        while (*line != '\0' && !is_blank(*line))
            line++;
    }
    for (uint32_t i = words->count; i < SCRIPT_WORDS_MAX; i++)
        words->word[i] = "";
    return true;
}

/* Ends the line at its comment and at its end; the start of the next one, NULL after the last. */
static char *end_line(char *line)
{
    bool comment = false;
    for (; *line != '\0'; line++) {
        if (*line == '\n') {
            *line = '\0';
            return line + 1;
        }
        comment |= *line == '#';
        if (comment)
            *line = ' ';
    }
    return NULL;
}

bool script_play(char *text)
{
    uint32_t number = 0;
    for (char *next, *line = text; line != NULL; line = next) {
        struct words words;
        number++;
        next = end_line(line);
        bool fits = cut_words(line, &words);
        if (!fits || (words.count != 0 && !misbehaviour_play(&words))) {
            serial_say("line %u of adversary.txt: '%s' is wrong here", number, fits ? words.word[0] : line);
            return false;
        }
    }
    return true;
}

static bool digit_of(char c, uint64_t base, uint64_t *digit)
{
    if (c >= '0' && c <= '9')
        *digit = (uint64_t)(c - '0');
    else if (c >= 'a' && c <= 'f')
        *digit = (uint64_t)(c - 'a') + 10;
    else
        return false;
    return *digit < base;
}

bool script_number(const char *word, uint64_t *value)
{
    uint64_t base = word[0] == '0' && word[1] == 'x' ? 16 : 10;
    word += base == 16 ? 2 : 0;
    *value = 0;
    if (*word == '\0')
        return false;
    for (; *word != '\0'; word++) {
        uint64_t digit;
        if (!digit_of(*word, base, &digit) || *value > (UINT64_MAX - digit) / base)
            return false;
        *value = *value * base + digit;
    }
    return true;
}
