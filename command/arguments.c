/* Reading the arguments of a subcommand. Options may stand anywhere, as --in FILE or --in=FILE; what is no option is the
 * expression. */
#include "command.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int command_fail(FILE *err, const char *format, ...)
{
    va_list list;
    (void)fputs("wengert: ", err);
    va_start(list, format);
    (void)vfprintf(err, format, list);
    va_end(list);
    (void)fputc('\n', err);
    return COMMAND_UNUSABLE;
}

/* An option, and the subcommands that know it, by their first letters. */
typedef struct option {
    const char *name;
    char kind; /* i: --in, g: --grad, j, t, w, o, h; lower-case letters take a value but for j */
    const char *subcommands;
} option;

static const option options[] = {{"--in", 'i', "cge"}, {"--grad", 'g', "c"}, {"--json", 'j', "c"},
    {"--tolerance", 't', "c"}, {"--wrt", 'w', "ge"}, {"--out", 'o', "g"}, {"--html", 'h', "e"}};

static bool arguments_tolerance(arguments *a, const char *text, FILE *err)
{
    char *end;
    if (a->tolerance > 0) {
        (void)command_fail(err, "--tolerance is given twice");
        return false;
    }
    a->tolerance = strtod(text, &end);
    if (end != text && !*end && isfinite(a->tolerance) && a->tolerance > 0) return true;
    (void)command_fail(err, "--tolerance takes a number above 0 such as 1e-4, not %s", text);
    return false;
}

/* A text that may be given once. */
static bool arguments_once(const char **to, const char *name, const char *text, FILE *err)
{
    if (*to) (void)command_fail(err, "%s is given twice", name);
    if (*to) return false;
    *to = text;
    return true;
}

static bool arguments_option(arguments *a, const option *o, const char *text, FILE *err)
{
    char message[1024];
    switch (o->kind) {
    case 'i':
    case 'g':
        if (array_set_read(o->kind == 'i' ? &a->in : &a->grad, text, message, sizeof message)) return true;
        (void)command_fail(err, "%s", message);
        return false;
    case 't':
        return arguments_tolerance(a, text, err);
    case 'w':
        return arguments_once(&a->wrt, o->name, text, err);
    case 'o':
        return arguments_once(&a->out, o->name, text, err);
    case 'h':
        return arguments_once(&a->html, o->name, text, err);
    default:
        a->json = true;
        return true;
    }
}

/* The option that a word is; *value is what follows its =, or NULL. */
static const option *arguments_find(const char *word, const char *subcommand, const char **value)
{
    size_t length = strcspn(word, "=");
    *value = word[length] ? word + length + 1 : NULL;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strlen(options[i].name) == length && !memcmp(options[i].name, word, length) &&
            strchr(options[i].subcommands, subcommand[0]))
            return &options[i];
    return NULL;
}

bool arguments_read(arguments *a, const char *subcommand, int count, char **words, FILE *err)
{
    bool only_expression = false;
    *a = (arguments){.expression = NULL};
    for (int i = 0; i < count; i++) {
        const char *word = words[i], *value;
        if (only_expression || strncmp(word, "--", 2) != 0) {
            if (a->expression) (void)command_fail(err, "a second expression, %s; put the whole of one in quotes", word);
            if (a->expression) return false;
            a->expression = word;
            continue;
        }
        if (!word[2]) { /* what follows -- is no option */
            only_expression = true;
            continue;
        }
        const option *o = arguments_find(word, subcommand, &value);
        if (!o)
            (void)command_fail(err, "%s has no option %s; wengert %s --help lists them", subcommand, word, subcommand);
        if (!o) return false;
        if (o->kind != 'j' && !value) value = i + 1 < count ? words[++i] : NULL;
        if ((o->kind == 'j') == (value != NULL)) {
            (void)command_fail(err, value ? "%s takes no value" : "%s needs a value", o->name);
            return false;
        }
        if (!arguments_option(a, o, value, err)) return false;
    }
    if (!a->expression) (void)command_fail(err, "the expression is missing; see wengert %s --help", subcommand);
    return a->expression != NULL;
}

void arguments_free(arguments *a)
{
    array_set_free(&a->in);
    array_set_free(&a->grad);
}
