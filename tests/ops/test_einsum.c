/* einsum: rows over its notation, the same sums spelled as other ops, and every error. The reference reads the
 * subscripts in its own way and runs over all values of all labels at once, one product at a time. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "support/point.h"

/* ---- the reference ----------------------------------------------------------------------------------------------- */

enum { LABELS = 128 + WG_MAX_RANK }; /* characters, and the axes of the ellipsis counted from its start */

/* The labels of one term; the ellipsis stands for `stretch` axes, of which the last is always label LABELS - 1. */
static uint32_t labels_of(const char *term, size_t length, uint32_t stretch, int *labels)
{
    uint32_t n = 0;
    for (size_t i = 0; i < length; i++) {
        if (term[i] == '.') {
            for (uint32_t e = 0; e < stretch; e++) labels[n++] = LABELS - (int)(stretch - e);
            i += 2;
        } else if (term[i] != ' ') {
            labels[n++] = term[i];
        }
    }
    return n;
}

static uint32_t letters_of(const char *term, size_t length)
{
    uint32_t n = 0;
    for (size_t i = 0; i < length; i++) n += term[i] != '.' && term[i] != ' ';
    return n;
}

static size_t position(const array *a, const int *labels, const size_t *at)
{
    size_t tuple[WG_MAX_RANK] = {0};
    for (uint32_t d = 0; d < a->shape.rank; d++) tuple[d] = a->shape.dim[d] == 1 ? 0 : at[labels[d]];
    return shape_flat(&a->shape, tuple);
}

static void reference_einsum(array *out, const array *in, size_t n, const void *user)
{
    const char *text = user, *arrow = strstr(text, "->"), *p = text;
    int labels[ROW_INPUTS + 1][WG_MAX_RANK], uses[LABELS] = {0};
    size_t extent[LABELS] = {0}, at[LABELS] = {0};
    uint32_t longest = 0;
    for (size_t k = 0; k < n; k++) {
        size_t length = strcspn(p, ",-");
        uint32_t stretch = memchr(p, '.', length) ? in[k].shape.rank - letters_of(p, length) : 0;
        if (stretch > longest) longest = stretch;
        uint32_t rank = labels_of(p, length, stretch, labels[k]);
        assert_int_equal(rank, in[k].shape.rank);
        for (uint32_t d = 0; d < rank; d++) {
            uses[labels[k][d]]++;
            size_t *e = &extent[labels[k][d]];
            if (uses[labels[k][d]] == 1 || *e == 1) *e = in[k].shape.dim[d];
        }
        p += length + 1;
    }
    wg_shape shape = {0};
    if (arrow) {
        shape.rank = labels_of(arrow + 2, strlen(arrow + 2), longest, labels[n]);
    } else {
        for (uint32_t e = 0; e < longest; e++) labels[n][shape.rank++] = LABELS - (int)(longest - e);
        for (int label = 0; label < 128; label++)
            if (uses[label] == 1) labels[n][shape.rank++] = label;
    }
    for (uint32_t d = 0; d < shape.rank; d++) shape.dim[d] = extent[labels[n][d]];
    *out = array_new(shape);
    for (int label = 0; label < LABELS; label++)
        if (uses[label] && extent[label] == 0) return;
    for (int label = 0; label < LABELS;) {
        long double product = 1;
        for (size_t k = 0; k < n; k++) product *= in[k].at[position(&in[k], labels[k], at)];
        out->at[position(out, labels[n], at)] += product;
        for (label = 0; label < LABELS; at[label++] = 0)
            if (uses[label] && ++at[label] < extent[label]) break;
    }
}

static wg_var apply_einsum(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape;
    return wg_einsum(user, in, n);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static const row_case cases_one[] = {
    CASE_WITH("", 1, SHAPE_SCALAR),
    CASE_WITH("...", 1, SHAPE(2, 3)),
    CASE_WITH("i", 1, SHAPE(3)),
    CASE_WITH("i->", 1, SHAPE(3)),
    CASE_WITH("ij->ji", 1, SHAPE(2, 3)),
    CASE_WITH("ba", 1, SHAPE(2, 3)),
    CASE_WITH("ij->j", 1, SHAPE(2, 3)),
    CASE_WITH("ii", 1, SHAPE(3, 3)),
    CASE_WITH("ii->i", 1, SHAPE(3, 3)),
    CASE_WITH("iij->ij", 1, SHAPE(3, 3, 2)),
    CASE_WITH("iji->ji", 1, SHAPE(3, 2, 3)),
    CASE_WITH("iiji->j", 1, SHAPE(2, 2, 3, 2)),
    CASE_WITH(" i j j -> i ", 1, SHAPE(2, 3, 3)),
    CASE_WITH("i...->...i", 1, SHAPE(2, 3, 4)),
    CASE_WITH("...ii->...", 1, SHAPE(2, 3, 3)),
    CASE_WITH("...ij->...ji", 1, SHAPE(2, 3)),
    CASE_WITH("abcdefgh->hgfedcba", 1, SHAPE(2, 1, 2, 1, 2, 1, 2, 3)),
    CASE_WITH("bA", 1, SHAPE(2, 3)),
    CASE_WITH("ij->i", 1, SHAPE(2, 0)),
    CASE_WITH("ii->i", 1, SHAPE(0, 0)),
};

static const row_case cases_two[] = {
    CASE_WITH(",", 2, SHAPE_SCALAR, SHAPE_SCALAR),
    CASE_WITH(",i", 2, SHAPE_SCALAR, SHAPE(3)),
    CASE_WITH("i,i", 2, SHAPE(3), SHAPE(3)),
    CASE_WITH("i,i->i", 2, SHAPE(3), SHAPE(3)),
    CASE_WITH("i,j", 2, SHAPE(3), SHAPE(2)),
    CASE_WITH("i,j->ji", 2, SHAPE(3), SHAPE(2)),
    CASE_WITH("i,j->", 2, SHAPE(3), SHAPE(2)),
    CASE_WITH("ij,jk", 2, SHAPE(2, 3), SHAPE(3, 4)),
    CASE_WITH("ij,jk->ki", 2, SHAPE(2, 3), SHAPE(3, 4)),
    CASE_WITH("ji,jk->ik", 2, SHAPE(3, 2), SHAPE(3, 4)),
    CASE_WITH("ij,kj->ik", 2, SHAPE(2, 3), SHAPE(4, 3)),
    CASE_WITH("ji,kj->ki", 2, SHAPE(3, 2), SHAPE(4, 3)),
    CASE_WITH("ij,ij", 2, SHAPE(2, 3), SHAPE(2, 3)),
    CASE_WITH("ij,ji", 2, SHAPE(2, 3), SHAPE(3, 2)),
    CASE_WITH("ij,ij->j", 2, SHAPE(2, 3), SHAPE(2, 3)),
    CASE_WITH("ij,ji->i", 2, SHAPE(2, 3), SHAPE(3, 2)),
    CASE_WITH("ij,ji->ji", 2, SHAPE(2, 3), SHAPE(3, 2)),
    CASE_WITH("ij,j->ij", 2, SHAPE(2, 3), SHAPE(3)),
    CASE_WITH("ij,i->ji", 2, SHAPE(2, 3), SHAPE(2)),
    CASE_WITH("bij,bjk->bik", 2, SHAPE(4, 2, 3), SHAPE(4, 3, 2)),
    CASE_WITH("bij,kbj->ikb", 2, SHAPE(4, 2, 3), SHAPE(5, 4, 3)),
    CASE_WITH("ijb,bkj->kbi", 2, SHAPE(2, 3, 4), SHAPE(4, 5, 3)),
    CASE_WITH("bij,bj->bi", 2, SHAPE(4, 2, 3), SHAPE(4, 3)),
    CASE_WITH("ibj,bj->ib", 2, SHAPE(2, 4, 3), SHAPE(4, 3)),
    CASE_WITH("abcd,cdef->abef", 2, SHAPE(2, 2, 3, 2), SHAPE(3, 2, 2, 2)),
    CASE_WITH("abcd,dcef->efba", 2, SHAPE(2, 2, 3, 2), SHAPE(2, 3, 2, 2)),
    CASE_WITH("ijk,j->", 2, SHAPE(2, 3, 2), SHAPE(3)),
    CASE_WITH("ii,ij->j", 2, SHAPE(3, 3), SHAPE(3, 2)),
    CASE_WITH("...ij,...jk->...ik", 2, SHAPE(2, 1, 2, 3), SHAPE(4, 3, 2)),
    CASE_WITH("...ij,...jk", 2, SHAPE(2, 3), SHAPE(4, 3, 2)),
    CASE_WITH("...,...", 2, SHAPE(2, 3), SHAPE(3)),
    CASE_WITH("...,...->...", 2, SHAPE(2, 1), SHAPE(3)),
    CASE_WITH("i...,j...->ij...", 2, SHAPE(2, 3, 1), SHAPE(2, 4)),
    CASE_WITH("i...,i->...", 2, SHAPE(2, 3, 2), SHAPE(2)),
    CASE_WITH("ij,jk", 2, SHAPE(2, 1), SHAPE(3, 4)),
    CASE_WITH("ij,jk->ik", 2, SHAPE(2, 0), SHAPE(0, 3)),
    CASE_WITH("ij,jk->ik", 2, SHAPE(0, 2), SHAPE(2, 3)),
    CASE_WITH("ij,ij->i", 2, SHAPE(2, 0), SHAPE(2, 0)),
    CASE_WITH("ij,kj->ik", 2, SHAPE(17, 33), SHAPE(29, 33)),
};

static const row_case cases_more[] = {
    CASE_WITH("i,i,i", 3, SHAPE(3), SHAPE(3), SHAPE(3)),
    CASE_WITH("ij,jk,kl->il", 3, SHAPE(2, 3), SHAPE(3, 4), SHAPE(4, 2)),
    CASE_WITH("i,ij,j", 3, SHAPE(2), SHAPE(2, 3), SHAPE(3)),
    CASE_WITH("i,j,k->kij", 3, SHAPE(2), SHAPE(3), SHAPE(2)),
    CASE_WITH("bi,bj,bij->b", 3, SHAPE(3, 2), SHAPE(3, 2), SHAPE(3, 2, 2)),
    CASE_WITH("nb,anm,bm->na", 3, SHAPE(2, 3), SHAPE(2, 2, 4), SHAPE(3, 4)),
    CASE_WITH("ab,bc,cd,da", 4, SHAPE(2, 3), SHAPE(3, 2), SHAPE(2, 3), SHAPE(3, 2)),
    CASE_WITH("...i,...j,...->...ij", 3, SHAPE(2, 2), SHAPE(3), SHAPE(2)),
    /* left to right, the first product would have ten axes */
    CASE_WITH("abcde,fghij,abcdefgh->ij", 3, SHAPE(1, 2, 1, 2, 1), SHAPE(2, 1, 2, 2, 3), SHAPE(1, 2, 1, 2, 1, 2, 1, 2)),
    CASE_WITH("i,i,i,i,i,i->i", 6, SHAPE(2), SHAPE(2), SHAPE(2), SHAPE(2), SHAPE(2), SHAPE(2)),
};

#define SUMS                                                                                                           \
    .apply = apply_einsum, .composite = true, .reference = reference_einsum, .sum = true, .roundings = 16,             \
    .pieces = true, .domain = {FROM(-2, 2), FROM(-2, 2), FROM(-2, 2), FROM(-2, 2), FROM(-2, 2), FROM(-2, 2)}
#define OTHERS(k)                                                                                                      \
    (ROW_READS(0) | ROW_READS(1) | ROW_READS(2) | ROW_READS(3) | ROW_READS(4) | ROW_READS(5)) & ~ROW_READS(k)

static const row rows[] = {
    ROW(wg_einsum, SUMS, ROW_CASES(cases_one)),
    {.name = "wg_einsum of two", SUMS, ROW_CASES(cases_two), .reads = {ROW_READS(1), ROW_READS(0)}},
    {.name = "wg_einsum of more",
        SUMS,
        ROW_CASES(cases_more),
        .reads = {OTHERS(0), OTHERS(1), OTHERS(2), OTHERS(3), OTHERS(4), OTHERS(5)}},
};

static void test_allocations(void **state)
{
    (void)state;
    static const row_case pair = CASE_WITH("bij,kbj->ikb", 2, SHAPE(4, 20, 30), SHAPE(15, 4, 30)),
                          one = CASE_WITH("iji->ji", 1, SHAPE(30, 20, 30));
    row_fail_allocations(&rows[1], &pair);
    row_fail_allocations(&rows[0], &one);
}

/* A hundred operands; and one that is the operand itself is still a node of its own. */
static void test_many(void **state)
{
    (void)state;
    enum { N = 100 };
    char text[2 * N];
    wg_var in[N];
    wg_tape *tape = wg_tape_new(WG_F64);
    for (size_t k = 0; k < N; k++) {
        in[k] = wg_scalar_variable(tape, k % 2 ? 0.5 : 2);
        in[k] = wg_reshape(in[k], WG_DIMS(1));
        text[2 * k] = 'a';
        text[2 * k + 1] = ',';
    }
    text[2 * N - 1] = '\0';
    assert_true(wg_item(wg_einsum(text, in, N)) == 1);
    wg_var same = wg_einsum("a->a", in, 1);
    assert_int_not_equal(same.index, in[0].index);
    assert_int_equal(wg_tape_status(tape), WG_OK);
    wg_tape_free(tape);
}

static size_t bytes_in_use(const wg_tape *tape)
{
    wg_stats stats;
    wg_tape_stats(tape, &stats);
    return stats.bytes_in_use;
}

/* A product of matrices takes no copy of either, however it is spelled: no more memory than wg_matmul does. */
static void test_transposes_are_not_copied(void **state)
{
    (void)state;
    enum { N = 256 };
    static const char *spelled[] = {"ij,jk->ik", "ji,jk->ik", "ij,kj->ik", "ji,kj->ik"};
    for (int i = 0; i < 5; i++) {
        size_t bytes[2];
        for (int by_matmul = 0; by_matmul < 2; by_matmul++) {
            wg_tape *tape = wg_tape_new(WG_F64);
            wg_var in[2], product;
            for (size_t k = 0; k < 2; k++) in[k] = wg_variable(tape, WG_DIMS(N, N), (double *)NULL);
            if (i == 4) /* the output transposed: the factors change places */
                product =
                    by_matmul ? wg_matmul(wg_transpose(in[1]), wg_transpose(in[0])) : wg_einsum("ij,jk->ki", in, 2);
            else if (by_matmul)
                product = wg_matmul(i & 1 ? wg_transpose(in[0]) : in[0], i & 2 ? wg_transpose(in[1]) : in[1]);
            else
                product = wg_einsum(spelled[i], in, 2);
            assert_true(wg_ok(product));
            bytes[by_matmul] = bytes_in_use(tape);
            wg_tape_free(tape);
        }
        assert_true(bytes[0] < bytes[1] + 8 * N * sizeof(double)); /* views have records */
    }
}

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(2, 3), (float *)NULL), "W"),
           v = wg_variable(tape, WG_DIMS(4), (float *)NULL);
    wg_var eight = wg_variable(tape, WG_DIMS(1, 1, 1, 1, 1, 1, 1, 1), (float *)NULL);
    wg_var wv[] = {w, v}, ww[] = {w, w}, e[] = {eight, eight}, broken[] = {w, {tape, UINT32_MAX, 0}};
    static const struct {
        const char *text;
        size_t n;
        int which;
        wg_status status;
        const char *words[3];
    } wrong[] = {
        {"ij,j->i", 2, 0, WG_ERROR_SHAPE,
            {"\"ij,j->i\"", "operand 2", "label 'j' the extent 4, but in operand 1 it is 3"}},
        {"ijk->i", 1, 0, WG_ERROR_SHAPE, {"operand 1, W (2,3)", "has 2 axes", "name 3"}},
        {"i->i", 1, 0, WG_ERROR_SHAPE, {"W (2,3)", "has 2 axes", "name 1"}},
        {"...ijk", 1, 0, WG_ERROR_SHAPE, {"W (2,3)", "has 2 axes", "name 3"}},
        {"ii->i", 1, 0, WG_ERROR_SHAPE, {"W (2,3)", "repeated label 'i'", "2 and 3"}},
        {"...,...", 2, 0, WG_ERROR_SHAPE, {"operand 2", "axis of '...'", "4"}},
        {"ij,jk", 1, 0, WG_ERROR_ARGUMENT, {"2 terms", "1 operands", "\"ij,jk\""}},
        {"ij", 2, 0, WG_ERROR_ARGUMENT, {"1 terms", "2 operands", NULL}},
        {"ij->k", 1, 0, WG_ERROR_ARGUMENT, {"'k'", "in no operand", NULL}},
        {"ij->ii", 1, 0, WG_ERROR_ARGUMENT, {"'i'", "given twice", NULL}},
        {"i1", 1, 0, WG_ERROR_ARGUMENT, {"'1' is not a label", NULL, NULL}},
        {"i\n", 1, 0, WG_ERROR_ARGUMENT, {"'?' is not a label", NULL, NULL}},
        {"ij-i", 1, 0, WG_ERROR_ARGUMENT, {"'-'", "\"->\"", NULL}},
        {"ij-", 1, 0, WG_ERROR_ARGUMENT, {"'-'", "\"->\"", NULL}},
        {"ij->i,j", 1, 0, WG_ERROR_ARGUMENT, {"one term", NULL, NULL}},
        {"ij->i->j", 1, 0, WG_ERROR_ARGUMENT, {"one term", NULL, NULL}},
        {"i.j", 1, 0, WG_ERROR_ARGUMENT, {"'.'", NULL, NULL}},
        {"...i...", 1, 0, WG_ERROR_ARGUMENT, {"'.'", NULL, NULL}},
        {"i...->i", 1, 0, WG_ERROR_ARGUMENT, {"no \"...\"", NULL, NULL}},
        {"abcdefgh,ijklmnop", 2, 2, WG_ERROR_SHAPE, {"more than 8 axes", NULL, NULL}},
        {"abcdefgh,ijklmnop->abcdefghi", 2, 2, WG_ERROR_SHAPE, {"more than 8 axes", NULL, NULL}},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 1, 0, WG_ERROR_ARGUMENT,
            {"more labels", NULL, NULL}},
        {"ij,ij", 2, 1, WG_ERROR_ARGUMENT, {"einsum", "invalid", NULL}},
        {NULL, 1, 0, WG_ERROR_ARGUMENT, {"einsum", "NULL", NULL}},
    };
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const wg_var *in = wrong[i].which == 2 ? e : wrong[i].which == 1 ? broken : wv;
        assert_false(wg_ok(wg_einsum(wrong[i].text, in, wrong[i].n)));
        point_expect_error(
            tape, wrong[i].status, "einsum", wrong[i].words[0], wrong[i].words[1], wrong[i].words[2], NULL);
    }
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    assert_null(wg_einsum("i", NULL, 0).tape);
    assert_null(wg_einsum("i", NULL, 1).tape);
    assert_null(wg_einsum("", ww, 0).tape);
    wg_tape_free(tape);
}

/* Four arrays of which every pair would have more than eight axes. */
static void test_every_pair_too_large(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(1, 1, 1, 1, 1, 1, 1, 1), (double *)NULL), y[] = {x, x, x, x};
    assert_false(wg_ok(wg_einsum("abcdefgh,abijklmn,cdijopqr,efklopst->ghmnqrst", y, 4)));
    point_expect_error(tape, WG_ERROR_SHAPE, "whichever pair", "8 axes", NULL);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_transposes_are_not_copied),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_every_pair_too_large),
    };
    return row_main("ops/einsum", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
