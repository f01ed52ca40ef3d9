/* The strided copy against its definition, an odometer that visits one element at a time.
 *
 * The output lies in a block with other elements around and between, which must be as they were. Elements are small
 * integers, so adding them is exact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/copy.h"

typedef enum kind { F32, F64, I64 } kind;

static uint64_t random_state = 1;

static size_t random_below(size_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(random_state >> 33) % n;
}

typedef struct layout {
    size_t rank, dim[WG_KERNEL_COPY_RANK];
    ptrdiff_t in[WG_KERNEL_COPY_RANK], out[WG_KERNEL_COPY_RANK];
} layout;

/* The least and greatest offset that strides reach; false where there are no elements. */
static bool reach(const layout *l, const ptrdiff_t *stride, ptrdiff_t *low, ptrdiff_t *high)
{
    *low = *high = 0;
    for (size_t d = 0; d < l->rank; d++) {
        if (l->dim[d] == 0) return false;
        ptrdiff_t last = (ptrdiff_t)(l->dim[d] - 1) * stride[d];
        *(last < 0 ? low : high) += last;
    }
    return true;
}

static ptrdiff_t offset(const layout *l, const ptrdiff_t *stride, const size_t *index)
{
    ptrdiff_t at = 0;
    for (size_t d = 0; d < l->rank; d++) at += (ptrdiff_t)index[d] * stride[d];
    return at;
}

static bool next_index(const layout *l, size_t *index)
{
    for (size_t d = l->rank; d-- > 0;) {
        if (++index[d] < l->dim[d]) return true;
        index[d] = 0;
    }
    return false;
}

static void copy(kind k, const layout *l, const void *in, ptrdiff_t in_at, void *out, ptrdiff_t out_at, bool add)
{
    if (k == F32)
        wg_kernel_copy_f32(
            wg_kernel_isa(), l->rank, l->dim, (const float *)in + in_at, l->in, (float *)out + out_at, l->out, add);
    else if (k == F64)
        wg_kernel_copy_f64(
            wg_kernel_isa(), l->rank, l->dim, (const double *)in + in_at, l->in, (double *)out + out_at, l->out, add);
    else
        wg_kernel_copy_i64(
            wg_kernel_isa(), l->rank, l->dim, (const int64_t *)in + in_at, l->in, (int64_t *)out + out_at, l->out);
}

static void *as_kind(kind k, size_t n, const int *values)
{
    void *array = malloc(n * 8 + 8);
    assert_non_null(array);
    for (size_t i = 0; i < n; i++)
        if (k == F32)
            ((float *)array)[i] = (float)values[i];
        else if (k == F64)
            ((double *)array)[i] = values[i];
        else
            ((int64_t *)array)[i] = values[i];
    return realloc(array, n * (k == F32 ? 4 : 8) + (n == 0));
}

static void run_kind(kind k, const layout *l, bool add)
{
    ptrdiff_t in_low, in_high, out_low, out_high;
    bool some = reach(l, l->in, &in_low, &in_high);
    some = reach(l, l->out, &out_low, &out_high) && some;
    if (!some) in_low = in_high = out_low = out_high = 0;
    size_t in_count = (size_t)(in_high - in_low) + 1, out_count = (size_t)(out_high - out_low) + 1;
    int *in_values = malloc(in_count * sizeof(int)), *want_values = malloc(out_count * sizeof(int));
    assert_true(in_values && want_values);
    for (size_t i = 0; i < in_count; i++) in_values[i] = (int)random_below(100000);
    for (size_t i = 0; i < out_count; i++) want_values[i] = -1 - (int)random_below(1000);
    void *in = as_kind(k, in_count, in_values), *out = as_kind(k, out_count, want_values);

    size_t index[WG_KERNEL_COPY_RANK] = {0};
    if (some) do {
            int *to = want_values + offset(l, l->out, index) - out_low;
            *to = (add ? *to : 0) + in_values[offset(l, l->in, index) - in_low];
        } while (next_index(l, index));
    void *want = as_kind(k, out_count, want_values);

    copy(k, l, in, -in_low, out, -out_low, add);
    assert_memory_equal(out, want, out_count * (k == F32 ? 4 : 8));
    free(in_values);
    free(want_values);
    free(in);
    free(out);
    free(want);
}

static void run(const layout *l)
{
    for (int add = 0; add < 2; add++) {
        run_kind(F32, l, add);
        run_kind(F64, l, add);
    }
    run_kind(I64, l, false);
}

/* Row-major strides of `dim`, in the order of axes given, with `gap` elements after each run of the last. */
static void row_major(size_t rank, const size_t *dim, const size_t *order, ptrdiff_t gap, ptrdiff_t *stride)
{
    ptrdiff_t step = 1;
    for (size_t d = rank; d-- > 0;) {
        stride[order[d]] = step;
        step = step * (ptrdiff_t)(dim[order[d]] ? dim[order[d]] : 1) + (d + 1 == rank ? gap : 0);
    }
}

static const size_t natural[WG_KERNEL_COPY_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};

static void shuffle(size_t rank, size_t *order)
{
    memcpy(order, natural, sizeof natural);
    for (size_t d = rank; d > 1; d--) {
        size_t other = random_below(d), kept = order[d - 1];
        order[d - 1] = order[other];
        order[other] = kept;
    }
}

static void test_ranks_0_and_1(void **state)
{
    (void)state;
    layout l = {.rank = 0};
    run(&l);
    for (size_t n = 0; n < 20; n++)
        for (ptrdiff_t in = -3; in <= 3; in++)
            for (ptrdiff_t out = -3; out <= 3; out++) {
                if (out == 0) continue;
                layout line = {.rank = 1, .dim = {n}, .in = {in}, .out = {out}};
                run(&line);
            }
}

static void test_transposes(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 3, 7, 8, 9, 16, 33, 100, 150};
    static const size_t turned[] = {1, 0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++)
            for (ptrdiff_t gap = 0; gap < 3; gap += 2) {
                layout l = {.rank = 2, .dim = {sizes[i], sizes[j]}};
                row_major(2, l.dim, natural, gap, l.out);
                row_major(2, l.dim, turned, 0, l.in);
                run(&l);
                row_major(2, l.dim, turned, gap, l.out);
                row_major(2, l.dim, natural, 0, l.in);
                run(&l);
            }
}

/* All orders of three axes on either side. */
static void test_permutations(void **state)
{
    (void)state;
    static const size_t order[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const size_t dims[][3] = {{2, 3, 4}, {9, 10, 11}, {20, 3, 17}, {1, 12, 5}, {16, 1, 16}};
    for (size_t s = 0; s < sizeof dims / sizeof *dims; s++)
        for (size_t i = 0; i < 6; i++)
            for (size_t j = 0; j < 6; j++) {
                layout l = {.rank = 3, .dim = {dims[s][0], dims[s][1], dims[s][2]}};
                row_major(3, l.dim, order[i], 0, l.in);
                row_major(3, l.dim, order[j], (ptrdiff_t)(i % 2), l.out);
                run(&l);
            }
}

/* Input strides of zero, alone and among others, on each axis. */
static void test_broadcasts(void **state)
{
    (void)state;
    for (size_t mask = 0; mask < 16; mask++)
        for (size_t last = 1; last < 30; last += 7) {
            layout l = {.rank = 4, .dim = {3, 2, 5, last}};
            row_major(4, l.dim, natural, 0, l.out);
            row_major(4, l.dim, natural, 0, l.in);
            for (size_t d = 0; d < 4; d++)
                if (mask >> d & 1) l.in[d] = 0;
            run(&l);
        }
}

/* A narrow column of a wide matrix, as concatenation writes it and slicing reads it. */
static void test_columns(void **state)
{
    (void)state;
    for (size_t width = 1; width < 12; width++) {
        layout write = {.rank = 2, .dim = {50, width}, .in = {(ptrdiff_t)width, 1}, .out = {23, 1}};
        run(&write);
        layout read = {.rank = 2, .dim = {50, width}, .in = {23, 1}, .out = {(ptrdiff_t)width, 1}};
        run(&read);
    }
}

/* Any rank, sizes from 0, any order of axes on both sides, gaps, reversed axes, broadcasts. */
static void test_random_layouts(void **state)
{
    (void)state;
    for (int trial = 0; trial < 3000; trial++) {
        layout l = {.rank = random_below(WG_KERNEL_COPY_RANK + 1)};
        size_t order[WG_KERNEL_COPY_RANK], most = l.rank > 5 ? 3 : l.rank > 3 ? 5 : 12;
        for (size_t d = 0; d < l.rank; d++) l.dim[d] = random_below(40) == 0 ? 0 : 1 + random_below(most);
        shuffle(l.rank, order);
        row_major(l.rank, l.dim, order, (ptrdiff_t)random_below(3), l.in);
        shuffle(l.rank, order);
        row_major(l.rank, l.dim, random_below(2) ? natural : order, (ptrdiff_t)random_below(3), l.out);
        for (size_t d = 0; d < l.rank; d++) {
            if (random_below(6) == 0) l.in[d] = 0;
            if (random_below(6) == 0) l.in[d] = -l.in[d];
            if (random_below(6) == 0) l.out[d] = -l.out[d];
        }
        run(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks_0_and_1),
        cmocka_unit_test(test_transposes),
        cmocka_unit_test(test_permutations),
        cmocka_unit_test(test_broadcasts),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_random_layouts),
    };
    return cmocka_run_group_tests_name("kernels/copy", tests, NULL, NULL);
}
