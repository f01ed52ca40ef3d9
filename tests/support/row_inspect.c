/* Checks of observed sweeps and of copied tapes, for every op: see row.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/row.h"
#include "support/watch.h"

/* Every op on the tape says its attributes in words, NAME=VALUE with a space between two, and counts them as snprintf
 * does; and every value has a formula. */
void row_check_words(wg_tape *tape)
{
    char words[512], start[8], formula[512];
    size_t count = wg_node_count(tape), first = count > 64 ? count - 64 : 0;
    for (size_t i = 0; i < count; i++) {
        wg_var node = wg_node_at(tape, i);
        wg_node_info info;
        assert_int_equal(wg_node_read(node, &info), WG_OK);
        if (info.attributes_size && !info.op->describe) fail_msg("%s does not describe its attributes", info.kind);
        size_t length = wg_node_attributes(node, words, sizeof words);
        if (strlen(words) != (length < sizeof words ? length : sizeof words - 1) || (length && !info.attributes_size))
            fail_msg("%s: \"%s\" is %zu long", info.kind, words, length);
        for (const char *word = words; *word && length < sizeof words; word += strcspn(word, " "), word += *word == ' ')
            if (strcspn(word, "=") == 0 || strcspn(word, "=") >= strcspn(word, " "))
                fail_msg("%s: \"%s\" is not NAME=VALUE", info.kind, words);
        assert_int_equal(wg_node_attributes(node, start, sizeof start), length);
        assert_true(strlen(start) < sizeof start && !strncmp(start, words, strlen(start)));
        assert_int_equal(wg_node_attributes(node, NULL, 0), length);
        if (i >= first && wg_node_formula(node, formula, sizeof formula) == 0) fail_msg("%s: no formula", info.kind);
    }
}

/* The observed sweep shows sums that add up, and ends in the same gradient; contributions are rounded apart. */
void row_check_observed(const row_data *data, const row_gradient *g, wg_dtype dtype)
{
    for (int through = 0; through < 2; through++) {
        row_tape t = row_open(data, &(row_options){.dtype = dtype, .through = through});
        row_at(data, dtype, "observed sweep");
        size_t size = 0, at = 0;
        for (size_t k = 0; k < data->leaves; k++) size += data->in[k].size;
        char *gradients = malloc((size + data->cotangent.size) * sizeof(double) + 1);
        assert_non_null(gradients);
        void *cotangent = gradients + size * sizeof(double);
        for (size_t i = 0; i < data->cotangent.size; i++)
            if (dtype == WG_F64)
                ((double *)cotangent)[i] = (double)data->cotangent.at[i];
            else
                ((float *)cotangent)[i] = (float)data->cotangent.at[i];
        watched seen = watch(t.out, cotangent, t.leaf, data->leaves, gradients);
        for (size_t k = 0; k < data->leaves; k++) {
            array got = array_new(data->in[k].shape);
            for (size_t i = 0; i < got.size; i++) got.at[i] = (long double)watch_number(t.tape, gradients, at++);
            row_near(&got, &g->of[k], 0, 16 * dtype_roundoff(dtype) * row_scale(data, &g->of[k]), k);
            array_free(&got);
        }
        watch_free(&seen);
        free(gradients);
        row_close(&t);
    }
}

/* A copy on a tape of doubles has the value and the gradient that the op has there; bit by bit, when it comes from one. */
void row_check_copied(const row_data *data, const row_gradient *g, wg_dtype dtype)
{
    row_tape t = row_open(data, &(row_options){.dtype = dtype, .through = true});
    row_tape direct = row_open(data, &(row_options){.dtype = WG_F64, .through = true});
    row_at(data, dtype, "copied to F64");
    wg_tape *to = wg_tape_new(WG_F64);
    wg_var *copies = copy_tape(to, t.tape);
    row_healthy(t.tape);
    row_healthy(to);
    wg_var out = copies[t.out.index];
    long double rounding = dtype == WG_F64 ? 0 : 256 * dtype_roundoff(WG_F32);
    array got = array_of_value(out), expected = array_of_value(direct.out);
    row_near(&got, &expected, rounding, rounding * array_largest(&expected), 0);
    array_backward(out, &data->cotangent);
    row_healthy(to);
    for (size_t k = 0; k < data->leaves; k++) {
        array grad = array_of_grad(copies[t.leaf[k].index]);
        long double order = data->shared ? 4 * dtype_roundoff(WG_F64) : 0;
        row_near(&grad, &g->of[k], 0, (rounding + order) * row_scale(data, &g->of[k]), k);
        array_free(&grad);
    }
    array_free(&got);
    array_free(&expected);
    free(copies);
    wg_tape_free(to);
    row_close(&direct);
    row_close(&t);
}
