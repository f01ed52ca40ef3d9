/* wengert grad: the gradients of an expression, to a file. */
#include "command.h"
#include "wengert.h"

#include <stdlib.h>
#include <string.h>

/* The gradients as arrays dNAME, whose numbers stand one after the other. */
static bool grad_list(const problem *p, array *list, double *numbers)
{
    for (size_t i = 0; i < p->count; i++) {
        size_t length = strlen(p->names[i]);
        char *name = malloc(length + 2);
        if (!name) return false;
        name[0] = 'd';
        memcpy(name + 1, p->names[i], length + 1);
        list[i] = (array){.name = name,
            .kind = ARRAY_F64,
            .shape = wg_shape_of(p->wrt[i]),
            .size = wg_size(p->wrt[i]),
            .data = numbers,
            .numbers = numbers};
        numbers += list[i].size;
    }
    return true;
}

static int grad_write(const problem *p, const arguments *a, FILE *out, FILE *err)
{
    int status = COMMAND_UNUSABLE;
    size_t total = 0;
    char message[1024];
    for (size_t i = 0; i < p->count; i++) total += wg_size(p->wrt[i]);
    double *numbers = calloc(total + 1, sizeof *numbers);
    array *list = calloc(p->count, sizeof *list);
    if (!numbers || !list || !grad_list(p, list, numbers)) {
        (void)command_fail(err, "out of memory");
    } else if (wg_jacobian(p->loss, p->wrt, p->count, numbers)) {
        (void)command_fail(err, "%s", wg_tape_message(evaluation_tape(p->values)));
    } else if (!array_set_write_npz(a->out, list, p->count, message, sizeof message)) {
        (void)command_fail(err, "%s", message);
    } else {
        status = COMMAND_RIGHT;
        (void)fprintf(
            out, "loss %.9g; %zu gradient%s in %s:", wg_item(p->loss), p->count, p->count > 1 ? "s" : "", a->out);
        for (size_t i = 0; i < p->count; i++) (void)fprintf(out, " %s", list[i].name);
        (void)fputc('\n', out);
    }
    for (size_t i = 0; list && i < p->count; i++) free(list[i].name);
    free(list);
    free(numbers);
    return status;
}

int command_grad(const arguments *a, FILE *out, FILE *err)
{
    problem p;
    if (!a->out) return command_fail(err, "the file to be written is missing: --out FILE.npz");
    int status = problem_for_gradients(&p, a, err) ? grad_write(&p, a, out, err) : COMMAND_UNUSABLE;
    problem_free(&p);
    return status;
}
