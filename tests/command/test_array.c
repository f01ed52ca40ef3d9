/* Files of arrays: those that NumPy makes (data/make.py says how, the formulas are repeated here), those written here
 * byte by byte, and a great many damaged ones. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "command/array.h"
#include "command/element.h"
#include "command/inflate.h"
#include "command/npy.h"
#include "command/npz.h"
#include "command/set.h"
#include "command/zip.h"

#define DATA COMMAND_DATA "/"

enum { MESSAGE = 256 };
static char message[MESSAGE];

/* ---- helpers ------------------------------------------------------------------------------------------------------------ */

static void read_in(array_set *set, const char *argument)
{
    bool fine = array_set_read(set, argument, message, MESSAGE);
    if (!fine) print_error("%s\n", message);
    assert_true(fine);
    assert_string_equal(message, "");
}

/* The argument is refused with a message that has the words in it, and the set stays as it is. */
static void refused(array_set *set, const char *argument, const char *words)
{
    size_t count = set->count, aside = set->aside_count;
    assert_false(array_set_read(set, argument, message, MESSAGE));
    if (!strstr(message, words)) fail_msg("\"%s\" does not say \"%s\"", message, words);
    assert_int_equal(set->count, count);
    assert_int_equal(set->aside_count, aside);
}

static const array *found(const array_set *set, const char *name)
{
    const array *a = array_set_find(set, name);
    if (!a) fail_msg("no array %s", name);
    return a;
}

static void has_shape(const array *a, uint32_t rank, const size_t *dim)
{
    size_t size = 1;
    assert_int_equal(a->shape.rank, rank);
    for (uint32_t axis = 0; axis < rank; axis++) {
        assert_int_equal(a->shape.dim[axis], dim[axis]);
        size *= dim[axis];
    }
    assert_int_equal(a->size, size);
    assert_non_null(a->data);
    assert_non_null(a->numbers);
}

/* data and numbers of an element agree on this number. */
static void has_number(const array *a, size_t i, double number)
{
    assert_true(a->numbers[i] == number);
    switch (a->kind) {
    case ARRAY_F16:
        assert_true(element_half(((const uint16_t *)a->data)[i]) == number);
        break;
    case ARRAY_BF16:
        assert_true((double)element_bfloat(((const uint16_t *)a->data)[i]) == number);
        break;
    case ARRAY_F32:
        assert_true((double)((const float *)a->data)[i] == number);
        break;
    case ARRAY_F64:
        assert_true(((const double *)a->data)[i] == number);
        break;
    case ARRAY_INTEGER:
        assert_true((double)((const int64_t *)a->data)[i] == number);
        break;
    }
}

static double ramp(char type, size_t i)
{
    double x = (double)i;
    return type == 'f' ? (x - 3) / 2 : type == 'i' ? x - 3 : type == 'u' ? x : (double)(i % 2);
}

static void is_ramp(const array *a, char type)
{
    has_shape(a, 2, (size_t[]){2, 3});
    for (size_t i = 0; i < 6; i++) has_number(a, i, ramp(type, i));
}

static char scratch[64];
static int scratch_make(void **state)
{
    (void)state;
    (void)snprintf(scratch, sizeof scratch, "test_array_%p.tmp", (void *)&scratch); /* beside the program */
    return 0;
}
static int scratch_remove(void **state)
{
    (void)state;
    (void)remove(scratch);
    return 0;
}

/* Writes a file and returns "PREFIXpathSUFFIX". */
static const char *file_of(const void *bytes, size_t size, const char *prefix, const char *suffix)
{
    static char argument[256];
    FILE *file = fopen(scratch, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(argument, sizeof argument, "%s%s%s", prefix, scratch, suffix);
    return argument;
}

static unsigned char *file_bytes(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    unsigned char *bytes = malloc(1 << 16);
    assert_non_null(bytes);
    *size = fread(bytes, 1, 1 << 16, file);
    assert_true(*size < 1 << 16);
    assert_int_equal(fclose(file), 0);
    return bytes;
}

/* ---- what NumPy writes ------------------------------------------------------------------------------------------------- */

static void dtypes(void **state)
{
    (void)state;
    array_set set = {0};
    read_in(&set, DATA "dtypes.npz");
    assert_int_equal(set.count, 21);
    for (size_t i = 0; i < set.count; i++) {
        const char *code = strchr(set.list[i].name, '_') + 1;
        array_kind kind = *code != 'f'     ? ARRAY_INTEGER
                          : code[1] == '2' ? ARRAY_F16
                          : code[1] == '4' ? ARRAY_F32
                                           : ARRAY_F64;
        assert_int_equal(set.list[i].kind, kind);
        is_ramp(&set.list[i], *code);
    }
    array_set_free(&set);
    assert_int_equal(set.count, 0);
    for (char version = '1'; version <= '3'; version++) {
        char argument[256];
        (void)snprintf(argument, sizeof argument, "V%c=%sversion%c.npy", version, DATA, version);
        read_in(&set, argument);
    }
    is_ramp(found(&set, "V1"), 'f');
    is_ramp(found(&set, "V2"), 'f');
    is_ramp(found(&set, "V3"), 'f');
    assert_null(array_set_find(&set, "V"));
    array_set_free(&set);
}

static void has_shapes(const array_set *set)
{
    const char *const cubes[] = {"c", "fortran", "fortran_big"};
    for (size_t c = 0; c < 3; c++) {
        const array *a = found(set, cubes[c]);
        has_shape(a, 3, (size_t[]){2, 3, 4});
        for (size_t i = 0; i < 24; i++) has_number(a, i, (double)(100 * (i / 12) + 10 * (i / 4 % 3) + i % 4));
    }
    has_shape(found(set, "scalar"), 0, NULL);
    has_number(found(set, "scalar"), 0, 2.5);
    has_shape(found(set, "integer"), 0, NULL);
    has_number(found(set, "integer"), 0, -7);
    has_shape(found(set, "empty"), 2, (size_t[]){0, 3});
    has_shape(found(set, "vector"), 1, (size_t[]){5});
    for (size_t i = 0; i < 5; i++) has_number(found(set, "vector"), i, (double)i);
    has_shape(found(set, "eight"), 8, (size_t[]){1, 2, 1, 3, 1, 1, 1, 1});
    for (size_t i = 0; i < 6; i++) has_number(found(set, "eight"), i, (double)i);
}

static void shapes(void **state)
{
    (void)state;
    array_set set = {0};
    read_in(&set, DATA "shapes.npz");
    assert_int_equal(set.count, 8);
    has_shapes(&set);
    array_set_free(&set);
}

static void compressed(void **state)
{
    (void)state;
    array_set set = {0};
    if (!inflate_is_there()) {
        refused(&set, DATA "packed.npz", "packed.npz: ramp.npy: compressed, and this build of the command has no zlib");
        return;
    }
    read_in(&set, DATA "packed.npz");
    assert_int_equal(set.count, 9);
    has_shapes(&set);
    has_shape(found(&set, "ramp"), 2, (size_t[]){32, 32});
    for (size_t i = 0; i < 1024; i++) has_number(found(&set, "ramp"), i, (double)i);
    array_set_free(&set);
}

/* Sizes behind the members, sizes in zip64 records, members with and without the ending, directories, other files. */
static void archives(void **state)
{
    (void)state;
    const char *const files[] = {DATA "streamed.npz", DATA "zip64.npz", DATA "streamed_packed.npz"};
    for (size_t i = 0; i < (inflate_is_there() ? 3 : 2); i++) {
        array_set set = {0};
        read_in(&set, files[i]);
        assert_int_equal(set.count, 3);
        is_ramp(found(&set, "a"), 'f');
        is_ramp(found(&set, "b"), 'f');
        is_ramp(found(&set, "layer/c"), 'i');
        assert_int_equal(found(&set, "b")->kind, ARRAY_F32);
        array_set_free(&set);
    }
    array_set set = {0};
    read_in(&set, DATA "none.npz");
    assert_int_equal(set.count, 0);
    refused(&set, DATA "lzma.npz", "lzma.npz: a.npy: compressed by method 14, which cannot be read");
    refused(&set, DATA "twice.npz", "twice.npz: a: a second array of the name a");
    array_set_free(&set);
}

static void numbers_at_the_ends(void **state)
{
    (void)state;
    array_set set = {0};
    read_in(&set, "h=" DATA "half.npy");
    const array *h = found(&set, "h");
    assert_int_equal(h->kind, ARRAY_F16);
    has_shape(h, 1, (size_t[]){9});
    const double expected[] = {1, -0.0, 65504, 0x1p-14, 0x1p-24, 1023 * 0x1p-24, (double)INFINITY, -(double)INFINITY};
    for (size_t i = 0; i < 8; i++) has_number(h, i, expected[i]);
    assert_true(signbit(h->numbers[1]));
    assert_true(isnan(h->numbers[8]));
    assert_int_equal(((const uint16_t *)h->data)[4], 1);

    read_in(&set, "x=" DATA "extremes.npy");
    const int64_t *x = found(&set, "x")->data;
    assert_true(x[0] == INT64_MIN && x[1] == -1 && x[2] == 0 && x[3] == INT64_MAX);
    refused(&set, "y=" DATA "beyond.npy", "beyond.npy: element 1 is an unsigned integer above 2^63 - 1");
    refused(&set, "n=" DATA "nine_axes.npy", "nine_axes.npy: an array of more than 8 axes");
    array_set_free(&set);
}

/* Text beside numbers does no harm, and who asks for it learns why it is not there. */
static void put_aside(void **state)
{
    (void)state;
    array_set set = {0};
    read_in(&set, DATA "mixed.npz");
    assert_int_equal(set.count, 1);
    is_ramp(found(&set, "W"), 'f');
    assert_null(array_set_why_not(&set, "W"));
    assert_non_null(strstr(array_set_why_not(&set, "optimizer"), "mixed.npz: optimizer.npy: an array of text (<U4)"));
    assert_non_null(strstr(array_set_why_not(&set, "z"), "complex numbers"));
    assert_non_null(strstr(array_set_why_not(&set, "any"), "Python objects"));
    assert_non_null(strstr(array_set_why_not(&set, "fields"), "structured dtype"));
    assert_non_null(strstr(array_set_why_not(&set, "seed"), "an unsigned integer above 2^63 - 1"));
    refused(&set, "optimizer=" DATA "version1.npy", "a second array of the name optimizer");
    refused(&set, "t=" DATA "text.npy", "text.npy: an array of text (<U4)");
    array_set_free(&set);
}

/* ---- headers by hand --------------------------------------------------------------------------------------------------- */

/* A .npy file of version 1 with this header and so many bytes 0, 1, 2, ... */
static size_t npy_of(unsigned char *bytes, const char *header, size_t data)
{
    size_t length = strlen(header);
    memcpy(bytes, "\x93NUMPY\1\0", 8);
    element_put(bytes + 8, 2, length);
    memcpy(bytes + 10, header, length);
    for (size_t i = 0; i < data; i++) bytes[10 + length + i] = (unsigned char)i;
    return 10 + length + data;
}

static void headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        const char *words; /* NULL: it is read, as the integers 0, 1, 2 */
    } cases[] = {
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }   \n", 3, NULL},
        {"{\"shape\" :( 3L , ),\t'fortran_order':True,'descr':'<i1'}", 3, NULL}, /* Python 2's */
        {"{'descr': 'u1', 'fortran_order': False, 'shape': (3, ), }", 3, NULL},
        {"{'descr': '=u1', 'fortran_order': False, 'shape': (3,)}", 3, NULL},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", 2, "the data end after 2 of 3 bytes"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (), }", 5, "the data end after 5 of 8 bytes"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", 5, "2 bytes follow the array's 3"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (-3,), }", 3, "negative extent"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3), }", 3, "shape is not a tuple"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': 3, }", 3, "shape is not a tuple"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3 1), }", 3, "shape cannot be read"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (,), }", 3, "shape cannot be read"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3", 3, "shape cannot be read"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,), }", 3, "too large"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", 3, "too large"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 0, 4294967296), }", 0, "too large"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (18446744073709551615,), }", 3, "too large"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1099511627776,), }", 3, "the data end after 3 of"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 3), }", 3, "more than 8 axes"},
        {"{'descr': '|u1', 'fortran_order': 0, 'shape': (3,), }", 3, "fortran_order is not True or False"},
        {"{'descr': '|u1', 'shape': (3,), }", 3, "lacks descr, fortran_order or shape"},
        {"{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", 3, "the key 'descr' twice"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3,), 'more': 1}", 3, "the unknown key 'more'"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3,), } 1", 3, "goes on after its dictionary"},
        {"{'descr': '|u1' 'fortran_order': False, 'shape': (3,), }", 3, "header cannot be read"},
        {"{'descr: ", 3, "header cannot be read"},
        {"{'descr': [('a', '<f4'), ('b', [('c', '|u1')])", 3, "dtype cannot be read"},
        {"{'descr': 3, 'fortran_order': False, 'shape': (3,), }", 3, "dtype cannot be read"},
        {"[]", 3, "not a dictionary"},
        {"", 3, "not a dictionary"},
        {"{'descr': [('a', '<f4'), ('b', '|u1', (2,))], 'fortran_order': False, 'shape': (3,), }", 3,
            "structured dtype"},
        {"{'descr': '|f4', 'fortran_order': False, 'shape': (3,), }", 12, "does not say the order of its bytes"},
        {"{'descr': '<f16', 'fortran_order': False, 'shape': (3,), }", 48, "dtype <f16; save them as float64"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }", 24, "complex numbers (<c8)"},
        {"{'descr': '|V2', 'fortran_order': False, 'shape': (3,), }", 6, "bfloat16 perhaps"},
        {"{'descr': '<M8[s]', 'fortran_order': False, 'shape': (3,), }", 24, "the dtype <M8[s], which cannot be used"},
        {"{'descr': '<i3', 'fortran_order': False, 'shape': (3,), }", 9, "the dtype <i3"},
        {"{'descr': '<i9999999999999999999999999999999999999999', 'fortran_order': False, 'shape': (3,), }", 9,
            "the dtype <i9"},
        {"{'descr': '\x1b[31m', 'fortran_order': False, 'shape': (3,), }", 9, "the dtype ?[31m"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char bytes[512];
        size_t size = npy_of(bytes, cases[i].header, cases[i].data);
        const char *argument = file_of(bytes, size, "x=", "");
        array_set set = {0};
        if (cases[i].words) {
            refused(&set, argument, cases[i].words);
            assert_memory_equal(message, scratch, strlen(scratch)); /* the file is named */
        } else {
            read_in(&set, argument);
            has_shape(found(&set, "x"), 1, (size_t[]){3});
            for (size_t k = 0; k < 3; k++) has_number(found(&set, "x"), k, (double)k);
        }
        array_set_free(&set);
    }
    array_set set = {0};
    refused(&set, file_of("\x93NUMPY\1", 7, "x=", ""), "cut off in the header, after 7 bytes");
    refused(&set, file_of("\x93NUMPY\1\0\377\377{", 11, "x=", ""), "cut off in the header, after 11 bytes");
    refused(&set, file_of("\x93NUMPY\2\0\0\0", 10, "x=", ""), "cut off in the header");
    refused(&set, file_of("\x93NUMPY\3\0\377\377\377\377", 12, "x=", ""), "cut off in the header");
    refused(&set, file_of("\x93NUMPY\4\0\0\0", 10, "x=", ""), "the .npy version 4.0 is not known");
    array_set_free(&set);
}

/* ---- bare numbers ------------------------------------------------------------------------------------------------------- */

static void bare_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *suffix;
        const char *bytes;
        size_t size;
        double expected[2];
        array_kind kind;
    } cases[] = {
        {":f32:2", "\0\0\x80\x3f\0\0\0\xc0", 8, {1, -2}, ARRAY_F32},
        {":<f32:2", "\0\0\x80\x3f\0\0\0\xc0", 8, {1, -2}, ARRAY_F32},
        {":>f32:2", "\x3f\x80\0\0\xc0\0\0\0", 8, {1, -2}, ARRAY_F32},
        {":f16:2", "\0\x3c\0\xc0", 4, {1, -2}, ARRAY_F16},
        {":>f16:2", "\x3c\0\xc0\0", 4, {1, -2}, ARRAY_F16},
        {":bf16:2", "\x80\x3f\0\xc0", 4, {1, -2}, ARRAY_BF16},
        {":>bf16:2", "\x3f\x80\xc0\0", 4, {1, -2}, ARRAY_BF16},
        {":f64:2", "\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\xc0", 16, {1, -2}, ARRAY_F64},
        {":i8:2", "\1\xfe", 2, {1, -2}, ARRAY_INTEGER},
        {":u8:2", "\1\xfe", 2, {1, 254}, ARRAY_INTEGER},
        {":i16:2", "\1\0\xfe\xff", 4, {1, -2}, ARRAY_INTEGER},
        {":u16:2", "\1\0\xfe\xff", 4, {1, 65534}, ARRAY_INTEGER},
        {":i32:2", "\1\0\0\0\xfe\xff\xff\xff", 8, {1, -2}, ARRAY_INTEGER},
        {":>i32:2", "\0\0\0\1\xff\xff\xff\xfe", 8, {1, -2}, ARRAY_INTEGER},
        {":u32:2", "\1\0\0\0\xfe\xff\xff\xff", 8, {1, 4294967294.0}, ARRAY_INTEGER},
        {":i64:2", "\1\0\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff", 16, {1, -2}, ARRAY_INTEGER},
        {":u64:2", "\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", 16, {1, 2}, ARRAY_INTEGER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        array_set set = {0};
        read_in(&set, file_of(cases[i].bytes, cases[i].size, "x=", cases[i].suffix));
        const array *x = found(&set, "x");
        has_shape(x, 1, (size_t[]){2});
        assert_int_equal(x->kind, cases[i].kind);
        for (size_t k = 0; k < 2; k++) has_number(x, k, cases[i].expected[k]);
        array_set_free(&set);
    }
    array_set set = {0};
    read_in(&set, file_of("\1\2\3\4\5\6", 6, "_y2=", ":i8:2,1,3"));
    has_shape(found(&set, "_y2"), 3, (size_t[]){2, 1, 3});
    for (size_t i = 0; i < 6; i++) has_number(found(&set, "_y2"), i, (double)i + 1);
    read_in(&set, file_of("\1\2", 2, "fc1.0.weight=", ":i8:2"));
    has_shape(found(&set, "fc1.0.weight"), 1, (size_t[]){2});
    read_in(&set, file_of("\7", 1, "s=", ":u8:"));
    has_shape(found(&set, "s"), 0, NULL);
    read_in(&set, file_of("", 0, "e=", ":f64:0,3"));
    has_shape(found(&set, "e"), 2, (size_t[]){0, 3});
    array_set_free(&set);
}

static void bare_mistakes(void **state)
{
    (void)state;
    array_set set = {0};
    refused(&set, file_of("1234567", 7, "x=", ":f32:2,3"), "7 bytes where 24 are expected: shape (2,3) of f32");
    refused(&set, file_of("1234567", 7, "x=", ":>i8:"), "7 bytes where 1 are expected: shape () of >i8");
    refused(&set, file_of("12", 2, "x=", ":float32:2"), "the dtype must be one of f16 bf16 f32 f64 i8");
    refused(&set, file_of("12", 2, "x=", ":>:2"), "the dtype must be one of");
    refused(&set, file_of("12", 2, "x=", "::2"), "the dtype must be one of");
    refused(&set, file_of("12", 2, "x=", ":i8:,2"), "the shape must be like 128,768");
    refused(&set, file_of("12", 2, "x=", ":i8:2,"), "the shape must be like 128,768");
    refused(&set, file_of("12", 2, "x=", ":i8:1,,2"), "the shape must be like 128,768");
    refused(&set, file_of("12", 2, "x=", ":i8:(2,)"), "the shape must be like 128,768");
    refused(&set, file_of("12", 2, "x=", ":i8:-1"), "the shape must be like 128,768");
    refused(&set, file_of("12", 2, "x=", ":i8:1,1,1,1,1,1,1,1,2"), "a shape has at most 8 axes");
    refused(&set, file_of("12", 2, "x=", ":i8:99999999999999999999"), "too large");
    refused(&set, file_of("12", 2, "x=", ":i8:4294967296,4294967296"), "too large");
    refused(&set, file_of("12", 2, "x=", ":u8"), "bare numbers take a dtype and a shape: NAME=FILE:f32:128,768");
    refused(&set, file_of("12", 2, "", ":u8:2"), "bare numbers need a name: NAME=");
    refused(&set, "fc1.=x:u8:2", "bare numbers need a name");
    refused(&set, ".fc1=x:u8:2", "bare numbers need a name");
    refused(&set, "fc1..weight=x:u8:2", "bare numbers need a name");
    refused(&set, "x=:u8:2", "the name of a file is missing");
    refused(&set, "x=", "x=: the name of a file is missing");
    refused(&set, "", "the name of a file is missing");
    refused(&set, "x=no/such/file:u8:2", "no/such/file: cannot be read: ");
    array_set_free(&set);
}

/* ---- arguments ---------------------------------------------------------------------------------------------------------- */

static void arguments(void **state)
{
    (void)state;
    array_set set = {0};
    refused(&set, "no/such/file.npz", "no/such/file.npz: cannot be read: ");
    refused(&set, "x=no/such/file.npy", "no/such/file.npy: cannot be read: ");
    refused(&set, DATA, "cannot be read");
    refused(&set, DATA "half.npy", "half.npy: a single array, which needs a name: NAME=");
    refused(&set, "x=" DATA "shapes.npz", "shapes.npz: an .npz file, which names its arrays itself");
    refused(&set, "x=" DATA "make.py", "make.py: neither an .npz nor an .npy file. Bare numbers are given as");
    refused(&set, file_of("", 0, "", ""), "an empty file");
    read_in(&set, "W1=" DATA "version1.npy");
    refused(&set, "W1=" DATA "version2.npy", "version2.npy: a second array of the name W1");
    read_in(&set, DATA "shapes.npz");
    assert_int_equal(set.count, 9);
    refused(&set, DATA "shapes.npz", "shapes.npz: c.npy: a second array of the name c");
    is_ramp(found(&set, "W1"), 'f');
    /* too small a message is cut off, and none is none */
    char small[8];
    assert_false(array_set_read(&set, "no/such/file.npz", small, sizeof small));
    assert_string_equal(small, "no/such");
    assert_false(array_set_read(&set, "no/such/file.npz", NULL, 0));
    array_set other = {0};
    assert_true(array_set_read(&other, DATA "mixed.npz", NULL, 0));
    assert_string_equal(array_set_why_not(&other, "z"), "");
    array_set_free(&other);
    array_set_free(&set);
    array_set_free(&set);
}

/* ---- writing ------------------------------------------------------------------------------------------------------------- */

static void round_trip(void **state)
{
    (void)state;
    const char *const files[] = {DATA "dtypes.npz", DATA "shapes.npz", DATA "none.npz", DATA "zip64.npz"};
    for (size_t f = 0; f < 4; f++) {
        array_set set = {0}, back = {0};
        read_in(&set, files[f]);
        assert_true(array_set_write_npz(scratch, set.list, set.count, message, MESSAGE));
        read_in(&back, scratch);
        assert_int_equal(back.count, set.count);
        for (size_t i = 0; i < set.count; i++) {
            const array *a = &set.list[i], *b = &back.list[i];
            assert_string_equal(a->name, b->name);
            assert_int_equal(a->kind, b->kind);
            has_shape(b, a->shape.rank, a->shape.dim);
            for (size_t k = 0; k < a->size; k++) has_number(b, k, a->numbers[k]);
        }
        array_set_free(&set);
        array_set_free(&back);
    }
}

/* What the bytes are, by NumPy: np.save of the same array. */
static void as_numpy_writes(void **state)
{
    (void)state;
    array_set set = {0};
    read_in(&set, "version1=" DATA "version1.npy");
    unsigned char header[NPY_HEADER_MOST + 24];
    size_t begin = npy_header(&set.list[0], header), size;
    npy_elements(&set.list[0], 0, 6, header + begin);
    unsigned char *expected = file_bytes(DATA "version1.npy", &size);
    assert_int_equal(size, begin + 24);
    assert_memory_equal(header, expected, size);
    free(expected);

    /* bfloat16 becomes float32 */
    read_in(&set, file_of("\x80\x3f\0\xc0", 4, "b=", ":bf16:2"));
    assert_true(array_set_write_npz(scratch, set.list + 1, 1, message, MESSAGE));
    array_set back = {0};
    read_in(&back, scratch);
    assert_int_equal(back.list[0].kind, ARRAY_F32);
    has_number(&back.list[0], 0, 1);
    has_number(&back.list[0], 1, -2);
    array_set_free(&back);
    array_set_free(&set);
}

/* More members than zip's 16 bits count, and an array longer than the writer's buffer. */
static void many_and_long(void **state)
{
    (void)state;
    enum { MANY = 65536, LONG = 50001 };
    array *list = calloc(MANY, sizeof *list);
    double *data = malloc(LONG * sizeof *data);
    char *names = malloc(MANY * 8);
    assert_true(list && data && names);
    for (size_t i = 0; i < LONG; i++) data[i] = (double)i / 7;
    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(names + 8 * i, 8, "x%zu", i);
        list[i] = (array){.name = names + 8 * i, .kind = ARRAY_F64, .size = 1, .data = data + i % LONG};
    }
    list[3].shape = (wg_shape){1, {LONG}};
    list[3].size = LONG;
    list[3].data = data;
    assert_true(array_set_write_npz(scratch, list, 4, message, MESSAGE));
    array_set set = {0};
    read_in(&set, scratch);
    has_shape(found(&set, "x3"), 1, (size_t[]){LONG});
    for (size_t i = 0; i < LONG; i++) has_number(found(&set, "x3"), i, data[i]);
    array_set_free(&set);

    assert_true(array_set_write_npz(scratch, list, MANY, message, MESSAGE));
    FILE *file = fopen(scratch, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size_t size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    zip_archive zip;
    assert_true(zip_open(&zip, bytes, size, &(offence){message, MESSAGE, "many", NULL}));
    assert_int_equal(zip.count, MANY);
    assert_string_equal(zip.list[65535].name, "x65535.npy");
    zip_close(&zip);
    free(bytes);
    free(list);
    free(data);
    free(names);
}

static void writing_mistakes(void **state)
{
    (void)state;
    double number = 1;
    array one = {.name = (char *)"x", .kind = ARRAY_F64, .size = 1, .data = &number};
    assert_false(array_set_write_npz("no/such/place.npz", &one, 1, message, MESSAGE));
    assert_non_null(strstr(message, "no/such/place.npz: cannot be written: "));
    one.name = (char *)"";
    assert_false(array_set_write_npz(scratch, &one, 1, message, MESSAGE));
    assert_non_null(strstr(message, "array 0 cannot be written: its name is empty or too long"));
}

/* ---- damage --------------------------------------------------------------------------------------------------------------- */

static const char *const sound[] = {"dtypes.npz", "shapes.npz", "packed.npz", "streamed.npz", "streamed_packed.npz",
    "zip64.npz", "mixed.npz", "none.npz", "version1.npy", "version3.npy", "half.npy", "extremes.npy"};

/* Reads bytes as an archive or an array, from memory of exactly that size; whatever they are, it says so or reads them. */
static void try_bytes(const unsigned char *bytes, size_t size, bool archive)
{
    array_set set = {0};
    unsigned char *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    offence o = {message, MESSAGE, "f", NULL};
    message[0] = '\0';
    bool fine = archive ? npz_read(&set, exact, size, &o) : set_add_npy(&set, "x", 1, exact, size, false, &o);
    free(exact);
    if (!fine) assert_true(message[0] == 'f' && strlen(message) > 5);
    for (size_t i = 0; i < set.count; i++) { /* what is read can be walked */
        double sum = 0;
        for (size_t k = 0; k < set.list[i].size; k++) sum += set.list[i].numbers[k];
        (void)sum;
    }
    array_set_free(&set);
}

static uint32_t random_bits(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*state >> 33);
}

/* Every length that a cut file may have, and a great many files with a few bytes changed, set to the ends of their
 * range, or repeated. WENGERT_FUZZ_ROUNDS asks for more of them. */
static void damaged(void **state)
{
    (void)state;
    const char *more = getenv("WENGERT_FUZZ_ROUNDS");
    size_t rounds = more ? (size_t)strtoul(more, NULL, 10) : 2000;
    uint64_t seed = 5;
    for (size_t f = 0; f < sizeof sound / sizeof *sound; f++) {
        char path[256];
        size_t size;
        (void)snprintf(path, sizeof path, DATA "%s", sound[f]);
        unsigned char *bytes = file_bytes(path, &size), *changed = malloc(size);
        assert_non_null(changed);
        bool archive = strstr(sound[f], ".npz");
        for (size_t length = 0; length < size; length += 1 + length / 256) try_bytes(bytes, length, archive);
        for (size_t round = 0; round < rounds; round++) {
            memcpy(changed, bytes, size);
            for (uint32_t n = 1 + random_bits(&seed) % 4; n; n--) {
                size_t at = random_bits(&seed) % size, length = 1 + random_bits(&seed) % 8;
                if (random_bits(&seed) % 2 && size > 400)
                    at = size - 1 - at % 400; /* where archives have their directory */
                if (length > size - at) length = size - at;
                switch (random_bits(&seed) % 4) {
                case 0:
                    changed[at] = (unsigned char)random_bits(&seed);
                    break;
                case 1:
                    changed[at] ^= (unsigned char)(1U << random_bits(&seed) % 8);
                    break;
                case 2:
                    memset(changed + at, random_bits(&seed) % 2 ? 0xff : 0, length);
                    break;
                default:
                    memmove(changed + at, changed + random_bits(&seed) % (size - length + 1), length);
                    break;
                }
            }
            try_bytes(changed, size, archive);
        }
        free(changed);
        free(bytes);
    }
}

/* The check value of CRC-32 (ISO 3309) is that of the digits; and a checksum goes on from one of the bytes before. */
static void checksums(void **state)
{
    (void)state;
    const unsigned char *digits = (const unsigned char *)"123456789";
    assert_int_equal(zip_checksum(0, digits, 9), 0xcbf43926);
    assert_int_equal(zip_checksum(0, digits, 0), 0);
    unsigned char bytes[100];
    for (size_t i = 0; i < 100; i++) bytes[i] = (unsigned char)(i * i);
    uint32_t whole = zip_checksum(0, bytes, 100);
    for (size_t i = 0; i <= 100; i++)
        assert_int_equal(zip_checksum(zip_checksum(0, bytes, i), bytes + i, 100 - i), whole);
    uint32_t one_by_one = 0;
    for (size_t i = 0; i < 100; i++) one_by_one = zip_checksum(one_by_one, bytes + i, 1);
    assert_int_equal(one_by_one, whole);
}

/* Every width and type, longer than what is converted at a time, with the first unusable one behind that. */
static void long_arrays(void **state)
{
    (void)state;
    enum { LONG = 2500 };
    static unsigned char bytes[8 * LONG];
    for (size_t i = 0; i < LONG; i++) element_put(bytes + 2 * i, 2, i);
    array_set set = {0};
    read_in(&set, file_of(bytes, 2 * (size_t)LONG, "x=", ":u16:2500"));
    for (size_t i = 0; i < LONG; i++) has_number(found(&set, "x"), i, (double)i);
    for (size_t i = 0; i < LONG; i++)
        for (size_t k = 0; k < 8; k++) bytes[8 * i + k] = (unsigned char)((uint64_t)i >> (8 * (7 - k)));
    read_in(&set, file_of(bytes, 8 * (size_t)LONG, "y=", ":>u64:50,50"));
    for (size_t i = 0; i < LONG; i++) has_number(found(&set, "y"), i, (double)i);
    bytes[8 * 2345] = 0x80;
    refused(&set, file_of(bytes, 8 * (size_t)LONG, "z=", ":>u64:50,50"), "element 2345 is an unsigned integer above");
    read_in(&set, file_of(bytes, 8 * (size_t)LONG, "z=", ":>i64:50,50"));
    assert_true(((const int64_t *)found(&set, "z")->data)[2345] == INT64_MIN + 2345);
    array_set_free(&set);
}

/* Chosen damage, each with its message. */
static void damaged_archives(void **state)
{
    (void)state;
    size_t size;
    array_set set = {0};
    unsigned char *bytes = file_bytes(DATA "zip64.npz", &size), *copy = malloc(size);
    assert_non_null(copy);
    /* places in zip64.npz: the local header of a.npy at 0 with its content from 55 on, the directory at 739, its first
     * entry's flags at +8, method at +10, checksum at +16, place at +42, zip64 field at +51: size, packed size; the end64
     * record at 1114, its number of entries at +32, its directory's place at +48 */
    static const struct {
        size_t at;
        const char *bytes;
        size_t length;
        const char *words;
    } cases[] = {
        {200, "\x11", 1, "a.npy: the checksum is wrong: the file is damaged"},
        {739 + 16, "\x11", 1, "a.npy: the checksum is wrong: the file is damaged"},
        {0, "\x11", 1, "a.npy: the member is not where it should be"},
        {739, "\x11", 1, "the archive's directory cannot be read"},
        {739 + 8, "\1", 1, "a.npy: the member is encrypted"},
        {739 + 10, "\x5d", 1, "a.npy: compressed by method 93, which cannot be read: save with np.savez"},
        {739 + 28, "\0\0", 2, "has no name"},
        {739 + 28, "\xff\xff", 2, "the archive's directory cannot be read"},
        {739 + 51, "\2", 1, "a.npy: the member's zip64 field cannot be read"},
        {739 + 55, "\1", 1, "where its directory says"},
        {739 + 63, "\0\0\0\0\0\1", 6, "a.npy: the member reaches beyond the end of the file"},
        {739 + 42, "\1", 1, "a.npy: the member is not where it should be"},
        {1114, "\x11", 1, "the archive's zip64 end record is not found"},
        {1114 + 16, "\1", 1, "one of several parts of an archive"},
        {1114 + 32, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "too short for its number of members"},
        {1114 + 40, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "directory is outside of the file"},
        {1114 + 48, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "directory is outside of the file"},
        {1190, "\x11", 1, "an archive without an end: is the file cut off?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memcpy(copy, bytes, size);
        memcpy(copy + cases[i].at, cases[i].bytes, cases[i].length);
        if (cases[i].at)
            refused(&set, file_of(copy, size, "", ""), cases[i].words);
        else
            try_bytes(copy, size, true), assert_non_null(strstr(message, cases[i].words));
    }
    free(copy);
    free(bytes);
    array_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dtypes),
        cmocka_unit_test(shapes),
        cmocka_unit_test(compressed),
        cmocka_unit_test(archives),
        cmocka_unit_test(numbers_at_the_ends),
        cmocka_unit_test(put_aside),
        cmocka_unit_test(headers),
        cmocka_unit_test(bare_numbers),
        cmocka_unit_test(bare_mistakes),
        cmocka_unit_test(arguments),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(as_numpy_writes),
        cmocka_unit_test(many_and_long),
        cmocka_unit_test(writing_mistakes),
        cmocka_unit_test(checksums),
        cmocka_unit_test(long_arrays),
        cmocka_unit_test(damaged),
        cmocka_unit_test(damaged_archives),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
