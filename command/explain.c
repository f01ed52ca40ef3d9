/* wengert explain: the reverse sweep of an expression, step by step. */
#include "command.h"
#include "page.h"
#include "wengert.h"

int command_explain(const arguments *a, FILE *out, FILE *err)
{
    problem p;
    int status = COMMAND_UNUSABLE;
    if (problem_for_gradients(&p, a, err)) {
        char message[1024];
        if (a->html && page_write(a->html, p.loss, p.wrt, p.count, a->expression, message, sizeof message))
            status = COMMAND_RIGHT;
        else if (a->html)
            (void)command_fail(err, "%s", message);
        else if (wg_explain(p.loss, p.wrt, p.count, wg_write_to_file, out))
            (void)command_fail(err, "%s", wg_tape_message(evaluation_tape(p.values)));
        else
            status = COMMAND_RIGHT;
    }
    problem_free(&p);
    return status;
}
