/* Cutting a command line into words, for the kernel's options and for boot/, which looks for one of them. */
#include "kernel/base/word.h"

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

char *word_next(char **rest, bool *open)
{
    char *at = *rest;
    while (is_blank(*at))
        at++;
    if (*at == '\0')
        return NULL;
    char *word = at;
    char *end = at;
    *open = false;
    for (; *at != '\0' && (*open || !is_blank(*at)); at++) {
        if (*at == '"')
            *open = !*open;
        else
            *end++ = *at;
    }
    /* Before the end is written, which may overwrite the blank that `at` points to. */
    *rest = *at == '\0' ? at : at + 1;
    *end = '\0';
    return word;
}
