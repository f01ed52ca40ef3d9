/* im2col and col2im: against their definition; convolution as the matrix product that im2col makes of it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/point.h"

typedef struct setting {
    wg_unfold_options options;
    size_t height, width; /* of the images */
} setting;

/* ---- the reference ------------------------------------------------------------------------------------------------------ */

static size_t or_one(size_t given) { return given ? given : 1; }

static size_t outputs_along(const setting *s, size_t d)
{
    size_t extent = (d ? s->width : s->height) + 2 * s->options.padding[d], count = 0;
    size_t reach = (s->options.kernel[d] - 1) * or_one(s->options.dilation[d]) + 1;
    for (size_t at = 0; at + reach <= extent; at += or_one(s->options.stride[d])) count++;
    return count;
}

/* Visits every (channel, tap, window) whose tap lies inside the image, for images one after the other. Gives the places in
 * the array of images and in that of columns. */
static void each_seen(const setting *s, size_t planes, void (*visit)(void *, size_t, size_t), void *context)
{
    size_t rows = outputs_along(s, 0), columns = outputs_along(s, 1);
    const size_t *kernel = s->options.kernel, *padding = s->options.padding;
    for (size_t c = 0; c < planes; c++)
        for (size_t i = 0; i < kernel[0]; i++)
            for (size_t j = 0; j < kernel[1]; j++)
                for (size_t p = 0; p < rows; p++)
                    for (size_t q = 0; q < columns; q++) {
                        size_t y = p * or_one(s->options.stride[0]) + i * or_one(s->options.dilation[0]);
                        size_t x = q * or_one(s->options.stride[1]) + j * or_one(s->options.dilation[1]);
                        if (y < padding[0] || y - padding[0] >= s->height) continue;
                        if (x < padding[1] || x - padding[1] >= s->width) continue;
                        visit(context, (c * s->height + y - padding[0]) * s->width + x - padding[1],
                            (((c * kernel[0] + i) * kernel[1] + j) * rows + p) * columns + q);
                    }
}

typedef struct pair {
    long double *out;
    const long double *in;
} pair;
static void to_columns(void *context, size_t image, size_t column)
{
    const pair *p = context;
    p->out[column] = p->in[image];
}
static void to_images(void *context, size_t image, size_t column)
{
    const pair *p = context;
    p->out[image] += p->in[column];
}

static void reference_columns(array *out, const array *in, size_t n, const void *user)
{
    const setting *s = user;
    uint32_t rank = in->shape.rank;
    wg_shape shape = {.rank = rank - 1, .dim = {in->shape.dim[0]}};
    (void)n;
    shape.dim[rank - 3] = in->shape.dim[rank - 3] * s->options.kernel[0] * s->options.kernel[1];
    shape.dim[rank - 2] = outputs_along(s, 0) * outputs_along(s, 1);
    *out = array_new(shape);
    size_t planes = in->shape.dim[rank - 3] * (rank == 4 ? in->shape.dim[0] : 1);
    each_seen(s, planes, to_columns, &(pair){out->at, in->at});
}

static void reference_images(array *out, const array *in, size_t n, const void *user)
{
    const setting *s = user;
    uint32_t rank = in->shape.rank;
    wg_shape shape = {.rank = rank + 1, .dim = {in->shape.dim[0]}};
    (void)n;
    shape.dim[rank - 2] = in->shape.dim[rank - 2] / (s->options.kernel[0] * s->options.kernel[1]);
    shape.dim[rank - 1] = s->height;
    shape.dim[rank] = s->width;
    *out = array_new(shape);
    size_t planes = shape.dim[rank - 2] * (rank == 3 ? shape.dim[0] : 1);
    each_seen(s, planes, to_images, &(pair){out->at, in->at});
}

static wg_var apply_columns(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape, (void)n;
    return wg_im2col(in[0], &((const setting *)user)->options);
}
static wg_var apply_images(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const setting *s = user;
    (void)tape, (void)n;
    return wg_col2im(in[0], s->height, s->width, &s->options);
}

/* ---- rows --------------------------------------------------------------------------------------------------------------- */

#define WITH(height_, width_, ...)                                                                                     \
    &(const setting)                                                                                                   \
    {                                                                                                                  \
        .height = height_, .width = width_, .options = { __VA_ARGS__ }                                                 \
    }

static const row_case cases_columns[] = {
    CASE_WITH(WITH(3, 4, .kernel = {2, 3}), 1, SHAPE(2, 2, 3, 4)),
    CASE_WITH(WITH(3, 4, .kernel = {1, 1}), 1, SHAPE(2, 3, 4)),
    CASE_WITH(WITH(1, 1, .kernel = {1, 1}), 1, SHAPE(1, 1, 1)),
    CASE_WITH(WITH(4, 3, .kernel = {3, 2}, .padding = {2, 1}), 1, SHAPE(1, 2, 4, 3)),
    CASE_WITH(WITH(6, 7, .kernel = {2, 2}, .stride = {3, 2}), 1, SHAPE(2, 6, 7)), /* the last row and column unseen */
    CASE_WITH(
        WITH(5, 4, .kernel = {2, 3}, .padding = {1, 3}, .stride = {2, 1}, .dilation = {3, 2}), 1, SHAPE(2, 1, 5, 4)),
    CASE_WITH(WITH(1, 1, .kernel = {2, 2}, .padding = {2, 2}), 1, SHAPE(1, 1, 1)), /* windows of padding alone */
    CASE_WITH(WITH(2, 37, .kernel = {2, 3}, .padding = {0, 1}), 1, SHAPE(1, 2, 37)),
    CASE_WITH(WITH(3, 4, .kernel = {2, 3}), 1, SHAPE(0, 2, 3, 4)),
    CASE_WITH(WITH(3, 4, .kernel = {2, 3}), 1, SHAPE(2, 0, 3, 4)),
};
static const row_case cases_images[] = {
    CASE_WITH(WITH(3, 4, .kernel = {2, 3}), 1, SHAPE(2, 12, 4)),
    CASE_WITH(WITH(3, 4, .kernel = {1, 1}), 1, SHAPE(2, 12)),
    CASE_WITH(WITH(4, 3, .kernel = {3, 2}, .padding = {2, 1}), 1, SHAPE(1, 6, 24)),
    CASE_WITH(WITH(6, 7, .kernel = {2, 2}, .stride = {3, 2}), 1, SHAPE(8, 6)),
    CASE_WITH(
        WITH(5, 4, .kernel = {2, 3}, .padding = {1, 3}, .stride = {2, 1}, .dilation = {3, 2}), 1, SHAPE(2, 6, 12)),
    CASE_WITH(WITH(2, 37, .kernel = {2, 3}, .padding = {0, 1}), 1, SHAPE(6, 37)),
    CASE_WITH(WITH(3, 4, .kernel = {2, 3}), 1, SHAPE(0, 12, 4)),
    CASE_WITH(WITH(3, 4, .kernel = {2, 3}), 1, SHAPE(2, 0, 4)),
};

static const row rows[] = {
    ROW(wg_im2col, .apply = apply_columns, .reference = reference_columns, ROW_CASES(cases_columns),
        .domain = {FROM(-2, 2)}, .pieces = true),
    ROW(wg_col2im, .apply = apply_images, .reference = reference_images, ROW_CASES(cases_images),
        .domain = {FROM(-2, 2)}, .roundings = 8, .sum = true),
};

static void test_allocations(void **state)
{
    (void)state;
    row_fail_allocations(&rows[0], &cases_columns[5]);
    row_fail_allocations(&rows[1], &cases_images[4]);
}

/* The same numbers in other orders of summation. */
static void test_convolution(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    double numbers[3 * 6 * 5], weights[4 * 3 * 3 * 2];
    for (size_t i = 0; i < 90; i++) numbers[i] = sin(1.0 + (double)i);
    for (size_t i = 0; i < 72; i++) weights[i] = cos(3.0 * (double)i);
    wg_var x = wg_variable_f64(tape, WG_DIMS(3, 6, 5), numbers),
           w = wg_variable_f64(tape, WG_DIMS(4, 3, 3, 2), weights);
    wg_unfold_options options = {.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 1}};
    wg_var y = wg_conv2d(x, w, &(wg_conv_options){.stride = {2, 1}, .padding = {1, 1}});
    wg_var z = wg_matmul(wg_reshape(w, WG_DIMS(4, 18)), wg_im2col(x, &options)), grads[2][2];
    assert_int_equal(wg_gradients(wg_sum(wg_square(y)), (wg_var[]){x, w}, 2, grads[0]), WG_OK);
    assert_int_equal(wg_gradients(wg_sum(wg_square(z)), (wg_var[]){x, w}, 2, grads[1]), WG_OK);
    assert_int_equal(wg_size(y), wg_size(z));
    for (size_t i = 0; i < wg_size(y); i++) assert_true(fabs(wg_at(y, i) - wg_at(z, i)) < 1e-14);
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < wg_size(grads[0][k]); i++)
            assert_true(fabs(wg_at(grads[0][k], i) - wg_at(grads[1][k], i)) < 1e-12);
    wg_tape_free(tape);
}

#define OPTIONS(...)                                                                                                   \
    &(wg_unfold_options) { __VA_ARGS__ }

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_name(wg_variable_f64(tape, WG_DIMS(2, 3, 4), NULL), "x");
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_im2col(x, NULL);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "im2col:", "options.kernel", NULL);
    wg_im2col(x, OPTIONS(.kernel = {2}));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "im2col:", "options.kernel", NULL);
    wg_im2col(x, OPTIONS(.kernel = {2, 2}, .stride = {0, 1}));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "im2col:", "stride (0,1)", NULL);
    wg_im2col(x, OPTIONS(.kernel = {4, 1}));
    point_expect_error(tape, WG_ERROR_SHAPE, "im2col:", "kernel (4,1)", "larger", "x (2,3,4)", NULL);
    wg_im2col(x, OPTIONS(.kernel = {PTRDIFF_MAX / 2, PTRDIFF_MAX / 2}, .padding = {PTRDIFF_MAX / 4, PTRDIFF_MAX / 4}));
    point_expect_error(tape, WG_ERROR_SHAPE, "im2col:", "overflows", "x (2,3,4)", NULL);
    wg_im2col(wg_sum(x), OPTIONS(.kernel = {1, 1}));
    point_expect_error(tape, WG_ERROR_SHAPE, "im2col:", "(N, C, H, W) or (C, H, W)", NULL);
    wg_col2im(x, 3, 4, OPTIONS(.kernel = {2, 2}));
    point_expect_error(tape, WG_ERROR_SHAPE, "col2im:", "kernel (2,2)", "2 x 3 columns", "(3,4)", "x (2,3,4)", NULL);
    wg_col2im(x, 2, 2, OPTIONS(.kernel = {1, 2}));
    point_expect_error(tape, WG_ERROR_SHAPE, "col2im:", "2 x 1 columns", NULL);
    wg_col2im(x, 1, 2, OPTIONS(.kernel = {2, 2}));
    point_expect_error(tape, WG_ERROR_SHAPE, "col2im:", "larger", NULL);
    wg_col2im(x, SIZE_MAX, 2, OPTIONS(.kernel = {2, 2}));
    point_expect_error(tape, WG_ERROR_SHAPE, "col2im:", "overflows", NULL);
    wg_col2im(x, PTRDIFF_MAX, PTRDIFF_MAX, OPTIONS(.kernel = {1, 1}));
    point_expect_error(tape, WG_ERROR_SHAPE, "col2im:", NULL);
    wg_col2im(x, 2, 2, NULL);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "col2im:", "options.kernel", NULL);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes + 1, after.nodes); /* the sum */
    wg_col2im(wg_sum(x), 3, 4, OPTIONS(.kernel = {1, 1}));
    point_expect_error(tape, WG_ERROR_SHAPE, "col2im:", "C kh kw", NULL);
    wg_im2col(wg_indices(tape, WG_DIMS(1, 1, 1), NULL), NULL);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "im2col", "indices", NULL);
    assert_null(wg_im2col((wg_var){0}, NULL).tape);
    assert_null(wg_col2im((wg_var){0}, 1, 1, NULL).tape);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_convolution),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/unfold", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
