/* wengert check: gradients from files, held against those of an expression. */
#include "command.h"
#include "json.h"
#include "wengert.h"

static wg_status check_supply(wg_check *check, wg_var var, const array *a)
{
    switch (a->kind) {
    case ARRAY_F16:
        return wg_check_supply_f16(check, var, a->shape, a->data);
    case ARRAY_BF16:
        return wg_check_supply_bf16(check, var, a->shape, a->data);
    case ARRAY_F32:
        return wg_check_supply_f32(check, var, a->shape, a->data);
    default:
        return wg_check_supply_f64(check, var, a->shape, a->numbers);
    }
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------------- */

static void check_json_gradient(const wg_check_gradient *g, const char *name, FILE *out)
{
    size_t rank = g->shape_fits ? wg_shape_of(g->var).rank : 0;
    bool place = g->shape_fits && wg_size(g->var) > 0;
    (void)fputs("    ", out);
    json_text(out, name);
    (void)fprintf(out, ": {\"verdict\": \"%s\", \"worst\": ", g->right ? "right" : "wrong");
    json_list(out, g->worst, rank);
    (void)fputs(", \"box\": [", out);
    if (place && !g->right) {
        json_list(out, g->box[0], rank);
        (void)fputs(", ", out);
        json_list(out, g->box[1], rank);
    }
    (void)fputs("], \"shape\": ", out);
    json_list(out, g->shape.dim, g->shape.rank);
    (void)fprintf(out, ", \"shape_fits\": %s, \"inherited\": %s, \"wrong\": %zu, \"bits\": %u, \"supplied\": ",
        g->shape_fits ? "true" : "false", g->inherited ? "true" : "false", g->wrong, g->bits);
    json_number(out, g->supplied);
    (void)fputs(", \"expected\": ", out);
    json_number(out, g->expected);
    (void)fputs(", \"tolerance\": ", out);
    json_number(out, g->tolerance);
    (void)fputs(", \"error\": ", out);
    json_number(out, g->error);
    (void)fputc('}', out);
}

static void check_json_cause(const wg_check_cause *c, FILE *out)
{
    (void)fprintf(out, "    {\"rank\": %u, \"cause\": \"%s\", \"gradient\": ", c->rank, wg_cause_name(c->cause));
    json_text(out, c->name ? c->name : "");
    (void)fputs(", \"edge\": ", out);
    json_text(out, c->edge ? c->edge : "");
    (void)fputs(", \"factor\": ", out);
    json_number(out, c->factor);
    (void)fputs(", \"residual\": ", out);
    json_number(out, c->residual);
    (void)fprintf(out, ", \"mistake\": %u, \"sentence\": ", c->mistake);
    json_text(out, c->sentence ? c->sentence : "");
    (void)fputc('}', out);
}

static void check_json(const wg_check_report *report, const arguments *a, double loss, FILE *out)
{
    (void)fprintf(out, "{\n  \"verdict\": \"%s\",\n  \"loss\": ", report->right ? "right" : "wrong");
    json_number(out, loss);
    (void)fputs(",\n  \"gradients\": {\n", out);
    for (size_t i = 0; i < report->gradients_count; i++) {
        check_json_gradient(&report->gradients[i], a->grad.list[i].name, out);
        (void)fputs(i + 1 < report->gradients_count ? ",\n" : "\n", out);
    }
    (void)fputs(report->causes_count ? "  },\n  \"causes\": [\n" : "  },\n  \"causes\": [", out);
    for (size_t i = 0; i < report->causes_count; i++) {
        check_json_cause(&report->causes[i], out);
        (void)fputs(i + 1 < report->causes_count ? ",\n" : "\n  ", out);
    }
    (void)fputs("],\n  \"blind_spots\": [", out);
    for (size_t i = 0; i < report->blind_spots_count; i++) {
        (void)fputs(i ? ", " : "", out);
        json_text(out, report->blind_spots[i]);
    }
    (void)fputs("]\n}\n", out);
}

/* ---- the check ------------------------------------------------------------------------------------------------------------ */

/* Runs it; NULL: err says why it cannot be. */
static const wg_check_report *check_run(wg_check *check, const problem *p, const arguments *a, FILE *err)
{
    const wg_check_report *report = NULL;
    wg_status status = a->tolerance > 0 ? wg_check_tolerance(check, a->tolerance) : WG_OK;
    const char *what = "";
    for (size_t i = 0; i < p->count && status == WG_OK; i++) {
        what = a->grad.list[i].name;
        status = check_supply(check, p->wrt[i], &a->grad.list[i]);
    }
    if (status == WG_OK) {
        what = "check";
        status = wg_check_run(check, &report);
    }
    if (status != WG_OK) (void)command_fail(err, "%s: %s", what, wg_check_message(check));
    return status == WG_OK ? report : NULL;
}

int command_check(const arguments *a, FILE *out, FILE *err)
{
    int status = COMMAND_UNUSABLE;
    problem p;
    wg_check *check = NULL;
    if (problem_for_check(&p, a, err)) {
        check = wg_check_new(p.loss);
        const char *why = wg_tape_message(evaluation_tape(p.values));
        if (!check) (void)command_fail(err, "%s", *why ? why : "out of memory");
        const wg_check_report *report = check ? check_run(check, &p, a, err) : NULL;
        if (report) {
            status = report->right ? COMMAND_RIGHT : COMMAND_WRONG;
            if (a->json)
                check_json(report, a, wg_item(p.loss), out);
            else
                wg_check_write(report, wg_write_to_file, out);
        }
    }
    wg_check_free(check);
    problem_free(&p);
    return status;
}
