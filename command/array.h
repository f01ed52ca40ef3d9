/* Arrays in files, as the command reads and writes them: the arrays of NumPy's .npy and .npz files, and the bare
 * numbers that programs on a GPU write. A set of named arrays is read from the arguments of --in or --grad. */
#ifndef WENGERT_COMMAND_ARRAY_H
#define WENGERT_COMMAND_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

#include "wengert/types.h"

typedef enum array_kind { ARRAY_F16, ARRAY_BF16, ARRAY_F32, ARRAY_F64, ARRAY_INTEGER } array_kind;

/* A named array, row-major, in this machine's order of bytes. */
typedef struct array {
    char *name;
    array_kind kind; /* every integer dtype, and bool, is ARRAY_INTEGER */
    wg_shape shape;
    size_t size;     /* the number of elements */
    void *data;      /* uint16_t bits, uint16_t bits, float, double, int64_t; never NULL */
    double *numbers; /* the same as doubles; data itself where that holds doubles */
    bool truths;     /* the dtype was bool */
} array;

/* An array of a kind that is of no use here, such as text: left aside unless somebody asks for it. */
typedef struct array_aside {
    char *name, *why;
} array_aside;

typedef struct array_set {
    array *list;
    size_t count;
    array_aside *aside;
    size_t aside_count;
} array_set;

/* Adds the arrays that an argument names to a set, which is {0} at first:
 *
 *     FILE.npz                          all of an archive's, under its names
 *     NAME=FILE.npy                     one
 *     NAME=FILE.bin:f32:128,768         bare numbers of a stated dtype and shape, row-major and little-endian
 *
 * The dtypes of bare numbers are f16, bf16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64; a > before one means
 * big-endian. An empty shape is that of a scalar. What a file is is told by its first bytes, not by its ending.
 *
 * Read are .npy of the versions 1 to 3, of dtypes f2 f4 f8 i1 to i8 u1 to u8 b1, in either order of bytes and of axes.
 * In an archive, arrays of other dtypes are put aside (array_set_why_not); alone they are an error. Members may be
 * compressed where the command is built with zlib; the checksums are checked. A name that the set has is an error.
 *
 * False: message is one line that says what is wrong, naming the file, and the set is as before. */
bool array_set_read(array_set *set, const char *argument, char *message, size_t size);

/* The array of that name, or NULL. */
const array *array_set_find(const array_set *set, const char *name);

/* Why a file that has an array of that name was read and the set does not have it; NULL: no file has it. */
const char *array_set_why_not(const array_set *set, const char *name);

/* Frees the arrays and leaves an empty set. */
void array_set_free(array_set *set);

/* Writes arrays into an .npz file, uncompressed, as np.savez does; the same arrays give the same bytes. ARRAY_BF16, which
 * NumPy lacks, is written as float32. numbers is not looked at. False: message says what is wrong; the file is then of
 * no use. */
bool array_set_write_npz(const char *path, const array *list, size_t count, char *message, size_t size);

#endif
