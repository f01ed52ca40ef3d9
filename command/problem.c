/* From the arguments to an evaluated expression, and to the values whose gradients are asked for. */
#include "command.h"
#include "wengert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void problem_show(const arguments *a, const expression_error *error, FILE *err)
{
    char shown[2048];
    expression_show_error(a->expression, error, shown, sizeof shown);
    (void)fputs(shown, err);
}

/* Parses, and makes a place for so many values. */
static bool problem_begin(problem *p, const arguments *a, size_t count, FILE *err)
{
    expression_error error;
    *p = (problem){.count = 0};
    if (!expression_parse(&p->steps, a->expression, &error)) {
        problem_show(a, &error, err);
        return false;
    }
    p->values = evaluation_new(&a->in);
    p->names = calloc(count + 1, sizeof *p->names);
    p->wrt = calloc(count + 1, sizeof *p->wrt);
    if (p->values && p->names && p->wrt) return true;
    (void)command_fail(err, "out of memory");
    return false;
}

static bool problem_run(problem *p, const arguments *a, FILE *err)
{
    expression_error error;
    if (!evaluation_run(p->values, &p->steps, &error)) {
        problem_show(a, &error, err);
        return false;
    }
    p->loss = evaluation_loss(p->values);
    double loss = wg_item(p->loss);
    if (isfinite(loss)) return true;
    const tree *last = p->steps.steps[p->steps.count - 1].value;
    (void)expression_fail(&error, last->at, "the loss is %s", isnan(loss) ? "nan" : loss > 0 ? "inf" : "-inf");
    problem_show(a, &error, err);
    return false;
}

/* Finds the value of a name. what: how the name was given, for errors. */
static bool problem_find(problem *p, const char *name, const char *what, FILE *err)
{
    wg_var var;
    char names[360];
    switch (evaluation_find(p->values, name, &var)) {
    case EVALUATION_FOUND:
        p->names[p->count] = name;
        p->wrt[p->count++] = var;
        return true;
    case EVALUATION_INDICES:
        (void)command_fail(err, "%s: %s holds indices, which have no gradient", what, name);
        return false;
    case EVALUATION_SEVERAL:
        (void)command_fail(err, "%s: %s is several results; name each of them, as in a, b = qr(x)", what, name);
        return false;
    case EVALUATION_FAILED:
        (void)command_fail(err, "%s: %s", what, wg_tape_message(evaluation_tape(p->values)));
        return false;
    default:
        evaluation_names(p->values, names, sizeof names);
        (void)command_fail(err, "%s: there is no array and no step %s; there are: %s", what, name, names);
        return false;
    }
}

/* Two names for one value, such as an array and the step A0 = X. */
static bool problem_once(const problem *p, FILE *err)
{
    const wg_var *last = &p->wrt[p->count - 1];
    for (size_t i = 0; i + 1 < p->count; i++)
        if (p->wrt[i].index == last->index && strcmp(p->names[i], p->names[p->count - 1]) != 0) {
            (void)command_fail(
                err, "%s and %s are the same value: one gradient will do", p->names[i], p->names[p->count - 1]);
            return false;
        }
    return true;
}

/* A name that is given twice. */
static bool problem_not_twice(const problem *p, const char *what, FILE *err)
{
    for (size_t i = 0; i + 1 < p->count; i++)
        if (!strcmp(p->names[i], p->names[p->count - 1])) {
            (void)command_fail(err, "%s: %s is given twice", what, p->names[i]);
            return false;
        }
    return true;
}

bool problem_for_check(problem *p, const arguments *a, FILE *err)
{
    if (!problem_begin(p, a, a->grad.count, err)) return false;
    for (size_t i = 0; i < a->grad.count; i++) {
        const char *key = a->grad.list[i].name;
        if (key[0] == 'd') (void)evaluation_make_variable(p->values, key + 1);
    }
    if (!problem_run(p, a, err)) return false;
    for (size_t i = 0; i < a->grad.count; i++) {
        const char *key = a->grad.list[i].name;
        if (key[0] != 'd' || !key[1]) {
            (void)command_fail(err, "--grad: %s is no gradient's name; that of W is called dW", key);
            return false;
        }
        if (!problem_find(p, key + 1, key, err) || !problem_once(p, err)) return false;
    }
    if (p->count) return true;
    (void)command_fail(err, "there are no gradients to check: give them with --grad");
    return false;
}

/* The names in --wrt. */
static bool problem_names(problem *p, const char *wrt, const char **names, size_t *count, FILE *err)
{
    char *next = p->list = malloc(strlen(wrt) + 1);
    *count = 0;
    if (!next) (void)command_fail(err, "out of memory");
    if (!next) return false;
    memcpy(next, wrt, strlen(wrt) + 1);
    for (bool more = true; more;) {
        char *end = next + strcspn(next, ",");
        more = *end == ',';
        while (*next == ' ') next++;
        char *last = end;
        while (last > next && last[-1] == ' ') last--;
        *last = '\0';
        if (!*next) (void)command_fail(err, "--wrt: a name is missing in %s", wrt);
        if (!*next) return false;
        names[(*count)++] = next;
        next = end + 1;
    }
    return true;
}

bool problem_for_gradients(problem *p, const arguments *a, FILE *err)
{
    size_t most = a->in.count, count = 0;
    for (const char *c = a->wrt; c && *c; c++) most += *c == ',';
    const char **names = calloc(most + 1, sizeof *names);
    bool fine = problem_begin(p, a, most + 1, err);
    if (fine && !names) (void)command_fail(err, "out of memory");
    fine = fine && names && (!a->wrt || problem_names(p, a->wrt, names, &count, err));
    for (size_t i = 0; fine && !a->wrt && i < a->in.count; i++)
        if (a->in.list[i].kind != ARRAY_INTEGER) (void)evaluation_make_variable(p->values, a->in.list[i].name);
    for (size_t i = 0; fine && i < count; i++) (void)evaluation_make_variable(p->values, names[i]);
    fine = fine && problem_run(p, a, err);
    for (size_t i = 0; fine && !a->wrt && i < a->in.count; i++) {
        const array *in = &a->in.list[i];
        if (in->kind != ARRAY_INTEGER && evaluation_uses(p->values, in->name)) names[count++] = in->name;
    }
    for (size_t i = 0; fine && i < count; i++)
        fine = problem_find(p, names[i], "--wrt", err) && problem_not_twice(p, "--wrt", err);
    if (fine && !count) {
        (void)command_fail(err, "the expression uses no array of floating-point numbers; name others with --wrt");
        fine = false;
    }
    free(names);
    return fine;
}

void problem_free(problem *p)
{
    evaluation_free(p->values);
    expression_free(&p->steps);
    free(p->names);
    free(p->wrt);
    free(p->list);
}
