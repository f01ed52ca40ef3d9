/* Arithmetic on shapes against its definitions: NumPy's broadcasting rule written out naively over all small shapes,
 * positions counted by an odometer, sizes at the edge of overflow. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "shape/shape.h"

/* ---- sizes --------------------------------------------------------------------------------------------------------- */

static void sizes(void **state)
{
    (void)state;
    size_t size = 7;
    assert_true(wg_shape_size(&WG_SCALAR, &size));
    assert_int_equal(size, 1);
    assert_true(wg_shape_size(&WG_DIMS(2, 3, 4), &size));
    assert_int_equal(size, 24);
    assert_true(wg_shape_size(&WG_DIMS(2, 0, 4), &size));
    assert_int_equal(size, 0);
    assert_true(wg_shape_size(&WG_DIMS(1, 2, 1, 2, 1, 2, 1, 2), &size));
    assert_int_equal(size, 16);
}

static void sizes_that_overflow(void **state)
{
    (void)state;
    const size_t most = (size_t)PTRDIFF_MAX / 8, half = (size_t)1 << (sizeof(size_t) * 4);
    size_t size = 7;
    assert_true(wg_shape_size(&WG_DIMS(most), &size));
    assert_int_equal(size, most);
    size = 7;
    assert_false(wg_shape_size(&WG_DIMS(most + 1), &size));
    assert_false(wg_shape_size(&WG_DIMS(SIZE_MAX), &size));
    assert_false(wg_shape_size(&WG_DIMS(half, half), &size));
    assert_false(wg_shape_size(&WG_DIMS(2, most), &size));
    assert_false(wg_shape_size(&WG_DIMS(SIZE_MAX, SIZE_MAX, SIZE_MAX), &size));
    /* the product of these extents is 0 when computed without care, and so is one with a 0 among them */
    assert_false(wg_shape_size(&WG_DIMS(half, half, 3), &size));
    assert_false(wg_shape_size(&WG_DIMS(0, half, half), &size));
    assert_false(wg_shape_size(&WG_DIMS(half, half, 0), &size));
    assert_true(wg_shape_size(&WG_DIMS(0, most), &size));
    assert_int_equal(size, 0);
}

static void ranks(void **state)
{
    (void)state;
    wg_shape shape = {.rank = WG_MAX_RANK, .dim = {1, 1, 1, 1, 1, 1, 1, 1}};
    size_t size;
    assert_true(wg_shape_size(&shape, &size));
    shape.rank = WG_MAX_RANK + 1;
    assert_false(wg_shape_size(&shape, &size));
    shape.rank = UINT32_MAX;
    assert_false(wg_shape_size(&shape, &size));
}

static void equal(void **state)
{
    (void)state;
    assert_true(wg_shape_equal(&WG_SCALAR, &WG_SCALAR));
    assert_true(wg_shape_equal(&WG_DIMS(2, 3), &WG_DIMS(2, 3)));
    assert_false(wg_shape_equal(&WG_DIMS(2, 3), &WG_DIMS(3, 2)));
    assert_false(wg_shape_equal(&WG_DIMS(2), &WG_DIMS(2, 1)));
    assert_false(wg_shape_equal(&WG_DIMS(1), &WG_SCALAR));
    wg_shape a = WG_DIMS(2, 3), b = WG_DIMS(2, 3);
    b.dim[2] = 9; /* past the rank: not part of the shape */
    assert_true(wg_shape_equal(&a, &b));
}

/* ---- broadcasting, over all shapes of up to three axes with extents 0 to 3 ---------------------------------------------- */

enum { SMALL_SHAPES = 1 + 4 + 16 + 64 };

static wg_shape small_shape(size_t i)
{
    wg_shape shape = {0};
    for (size_t count = 1; i >= count; count *= 4) {
        i -= count;
        shape.rank++;
    }
    for (uint32_t d = 0; d < shape.rank; d++, i /= 4) shape.dim[d] = i % 4;
    return shape;
}

/* NumPy's rule: align at the last axis; extents are equal, or one of them is 1 or missing. */
static bool naive_broadcast(const wg_shape *a, const wg_shape *b, wg_shape *out)
{
    size_t rank = a->rank > b->rank ? a->rank : b->rank, from_a = rank - a->rank, from_b = rank - b->rank;
    *out = (wg_shape){.rank = (uint32_t)rank};
    for (size_t d = 0; d < rank; d++) {
        size_t m = d < from_a ? 1 : a->dim[d - from_a], n = d < from_b ? 1 : b->dim[d - from_b];
        if (m == n)
            out->dim[d] = m;
        else if (m == 1)
            out->dim[d] = n;
        else if (n == 1)
            out->dim[d] = m;
        else
            return false;
    }
    return true;
}

static void broadcasting(void **state)
{
    (void)state;
    size_t fit = 0;
    for (size_t i = 0; i < SMALL_SHAPES; i++)
        for (size_t j = 0; j < SMALL_SHAPES; j++) {
            wg_shape a = small_shape(i), b = small_shape(j), expected, got = WG_DIMS(77), in_place = a;
            bool fits = naive_broadcast(&a, &b, &expected);
            assert_int_equal(wg_shape_broadcast(&a, &b, &got), fits);
            assert_int_equal(wg_shape_broadcast(&in_place, &b, &in_place), fits);
            assert_true(wg_shape_equal(&got, fits ? &expected : &WG_DIMS(77)));
            assert_true(wg_shape_equal(&in_place, fits ? &expected : &a));
            assert_int_equal(wg_shape_broadcasts_to(&a, &b), fits && wg_shape_equal(&expected, &b));
            fit += fits;
        }
    assert_true(fit > SMALL_SHAPES && fit < SMALL_SHAPES * SMALL_SHAPES);
}

static bool next_index(const wg_shape *shape, size_t *index)
{
    for (uint32_t d = shape->rank; d-- > 0;) {
        if (++index[d] < shape->dim[d]) return true;
        index[d] = 0;
    }
    return false;
}

static void strides(void **state)
{
    (void)state;
    for (size_t i = 0; i < SMALL_SHAPES; i++) {
        wg_shape shape = small_shape(i);
        size_t size, index[WG_MAX_RANK] = {0};
        assert_true(wg_shape_size(&shape, &size));
        ptrdiff_t stride[WG_MAX_RANK], count = 0;
        wg_shape_strides(&shape, stride);
        if (!size) continue;
        do {
            ptrdiff_t at = 0;
            for (uint32_t d = 0; d < shape.rank; d++) at += (ptrdiff_t)index[d] * stride[d];
            assert_int_equal(at, count);
            count++;
        } while (next_index(&shape, index));
        assert_int_equal(count, size);
    }
}

/* The element of a stretched array at an index: axes that are missing or 1 don't count. */
static ptrdiff_t naive_stretched(const wg_shape *from, const wg_shape *to, const size_t *index)
{
    ptrdiff_t at = 0;
    for (uint32_t d = 0; d < from->rank; d++) {
        size_t here = index[d + to->rank - from->rank];
        at = at * (ptrdiff_t)from->dim[d] + (from->dim[d] == 1 ? 0 : (ptrdiff_t)here);
    }
    return at;
}

static void strides_of_stretched(void **state)
{
    (void)state;
    for (size_t i = 0; i < SMALL_SHAPES; i++)
        for (size_t j = 0; j < SMALL_SHAPES; j++) {
            wg_shape from = small_shape(i), to = small_shape(j);
            size_t size, index[WG_MAX_RANK] = {0};
            if (!wg_shape_broadcasts_to(&from, &to) || !wg_shape_size(&to, &size) || !size) continue;
            ptrdiff_t stride[WG_MAX_RANK];
            wg_shape_broadcast_strides(&from, &to, stride);
            do {
                ptrdiff_t at = 0;
                for (uint32_t d = 0; d < to.rank; d++) at += (ptrdiff_t)index[d] * stride[d];
                assert_int_equal(at, naive_stretched(&from, &to, index));
            } while (next_index(&to, index));
        }
}

/* ---- axes ---------------------------------------------------------------------------------------------------------- */

static void one_axis(void **state)
{
    (void)state;
    wg_shape shape = WG_DIMS(4, 5, 6);
    for (int axis = -3; axis < 3; axis++) {
        uint32_t found = 99;
        assert_true(wg_shape_axis(&shape, axis, &found));
        assert_int_equal(found, axis < 0 ? axis + 3 : axis);
    }
    const int absent[] = {3, -4, 8, -8, INT_MAX, INT_MIN};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        uint32_t found = 99;
        assert_false(wg_shape_axis(&shape, absent[i], &found));
        assert_false(wg_shape_axis(&WG_SCALAR, absent[i], &found));
    }
    assert_false(wg_shape_axis(&WG_SCALAR, 0, &(uint32_t){0}));
    assert_false(wg_shape_axis(&WG_SCALAR, -1, &(uint32_t){0}));
}

static void several_axes(void **state)
{
    (void)state;
    wg_shape shape = WG_DIMS(4, 5, 6);
    bool mask[WG_MAX_RANK];
    size_t which = 99;
    memset(mask, 1, sizeof mask);
    assert_null(wg_shape_axes(&shape, NULL, 0, mask, &which));
    for (size_t d = 0; d < WG_MAX_RANK; d++) assert_false(mask[d]);
    assert_null(wg_shape_axes(&shape, WG_AXES(-1, 0), mask, &which));
    for (size_t d = 0; d < WG_MAX_RANK; d++) assert_int_equal(mask[d], d == 0 || d == 2);
    assert_null(wg_shape_axes(&shape, WG_AXES(2, -2, 0), mask, &which));
    for (size_t d = 0; d < WG_MAX_RANK; d++) assert_int_equal(mask[d], d < 3);

    assert_string_equal(wg_shape_axes(&shape, WG_AXES(0, 3), mask, &which), "is out of range");
    assert_int_equal(which, 1);
    assert_string_equal(wg_shape_axes(&shape, WG_AXES(1, 0, -2), mask, &which), "is given twice");
    assert_int_equal(which, 2);
    assert_string_equal(wg_shape_axes(&WG_SCALAR, WG_AXES(0), mask, &which), "is out of range");
    assert_int_equal(which, 0);
}

static void around_an_axis(void **state)
{
    (void)state;
    wg_shape shape = WG_DIMS(2, 3, 5, 7);
    const wg_shape_split expected[] = {{1, 2, 105}, {2, 3, 35}, {6, 5, 7}, {30, 7, 1}};
    for (uint32_t axis = 0; axis < 4; axis++) {
        wg_shape_split got = wg_shape_around(&shape, axis);
        assert_int_equal(got.outer, expected[axis].outer);
        assert_int_equal(got.extent, expected[axis].extent);
        assert_int_equal(got.inner, expected[axis].inner);
    }
    wg_shape_split empty = wg_shape_around(&WG_DIMS(2, 0, 5), 1);
    assert_int_equal(empty.outer, 2);
    assert_int_equal(empty.extent, 0);
    assert_int_equal(empty.inner, 5);
    assert_int_equal(wg_shape_product(&shape, 1, 3), 15);
    assert_int_equal(wg_shape_product(&shape, 2, 2), 1);
    assert_int_equal(wg_shape_product(&WG_SCALAR, 0, 0), 1);
}

/* ---- text ------------------------------------------------------------------------------------------------------------ */

static void formatted(void **state)
{
    (void)state;
    char text[WG_SHAPE_TEXT];
    assert_string_equal(wg_shape_format(&WG_SCALAR, text, sizeof text), "()");
    assert_string_equal(wg_shape_format(&WG_DIMS(7), text, sizeof text), "(7)");
    assert_string_equal(wg_shape_format(&WG_DIMS(2, 0, 30), text, sizeof text), "(2,0,30)");
    wg_shape many = {.rank = WG_MAX_RANK + 1};
    assert_non_null(strstr(wg_shape_format(&many, text, sizeof text), "too many"));
    assert_ptr_equal(wg_shape_format(&WG_DIMS(7), text, sizeof text), text);

    wg_shape longest = WG_DIMS(SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX);
    char expected[400] = "(", number[40];
    snprintf(number, sizeof number, "%zu,", SIZE_MAX);
    for (int i = 0; i < WG_MAX_RANK; i++) strcat(expected, number);
    expected[strlen(expected) - 1] = ')';
    assert_string_equal(wg_shape_format(&longest, text, sizeof text), expected);
}

/* Cut off at any size: what fits is written, terminated, and nothing beyond. */
static void formatted_in_little_room(void **state)
{
    (void)state;
    const char whole[] = "(12,345,6)";
    for (size_t room = 1; room <= sizeof whole + 2; room++) {
        char text[32];
        memset(text, '#', sizeof text);
        wg_shape_format(&WG_DIMS(12, 345, 6), text, room);
        size_t kept = room < sizeof whole ? room - 1 : sizeof whole - 1;
        assert_int_equal(strlen(text), kept);
        assert_memory_equal(text, whole, kept);
        for (size_t i = room; i < sizeof text; i++) assert_int_equal(text[i], '#');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(sizes_that_overflow),
        cmocka_unit_test(ranks),
        cmocka_unit_test(equal),
        cmocka_unit_test(broadcasting),
        cmocka_unit_test(strides),
        cmocka_unit_test(strides_of_stretched),
        cmocka_unit_test(one_axis),
        cmocka_unit_test(several_axes),
        cmocka_unit_test(around_an_axis),
        cmocka_unit_test(formatted),
        cmocka_unit_test(formatted_in_little_room),
    };
    return cmocka_run_group_tests_name("shape", tests, NULL, NULL);
}
