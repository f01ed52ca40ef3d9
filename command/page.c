/* The data of the page, as JSON inside of the HTML: the nodes with their values, then what an observer of the sweep saw,
 * adjoints and contributions in the order of the sweep, then the lines of wg_explain. What is made of them is in
 * page.js. */
#include "page.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "offence.h"
#include "wengert/inspect.h"
#include "wengert/tape.h"

/* Numbers in the whole page, and of one array. */
enum { PAGE_NUMBERS = 400000, PAGE_ARRAY_LEAST = 64, PAGE_ARRAY_MOST = 2048 };
/* Of a matrix that is not shown in full: so many rows and columns; and the sides of its picture. */
enum { PAGE_WINDOW = 24, PAGE_WINDOW_FULL = 32, PAGE_VECTOR = 128, PAGE_SLICES = 8, PAGE_PICTURE = 40 };

typedef struct page {
    FILE *file;
    size_t numbers; /* of one array, at most */
    bool comma;     /* before the next entry of the sweep */
} page;

/* ---- JSON ------------------------------------------------------------------------------------------------------------ */

static void page_string(FILE *file, const char *text)
{
    (void)fputc('"', file);
    for (const char *c = text; *c; c++) {
        unsigned char u = (unsigned char)*c;
        /* '<' and '&' would be HTML's */
        if (u < 0x20 || u == '"' || u == '\\' || u == '<' || u == '>' || u == '&' || u == 0x7f)
            (void)fprintf(file, "\\u%04x", u);
        else
            (void)fputc(u, file);
    }
    (void)fputc('"', file);
}

static void page_number(FILE *file, double x)
{
    if (isnan(x))
        (void)fputs("\"nan\"", file);
    else if (isinf(x))
        (void)fputs(x > 0 ? "\"inf\"" : "\"-inf\"", file);
    else
        (void)fprintf(file, "%.9g", x);
}

static void page_shape(FILE *file, const wg_shape *shape)
{
    (void)fputc('[', file);
    for (uint32_t axis = 0; axis < shape->rank; axis++) (void)fprintf(file, "%s%zu", axis ? "," : "", shape->dim[axis]);
    (void)fputc(']', file);
}

/* ---- arrays ---------------------------------------------------------------------------------------------------------- */

/* Numbers of one of the types that a tape has. */
typedef struct page_array {
    const wg_shape *shape;
    const float *f32; /* one of the three */
    const double *f64;
    const int64_t *indices;
} page_array;

static double page_at(const page_array *a, size_t i)
{
    return a->f32 ? (double)a->f32[i] : a->f64 ? a->f64[i] : (double)a->indices[i];
}

static size_t page_least(size_t a, size_t b) { return a < b ? a : b; }

/* Euclid's norm, scaled so that it neither overflows nor vanishes. */
static void page_statistics(const page *p, const page_array *a, size_t size)
{
    double low = INFINITY, high = -INFINITY, sum = 0, largest = 0, squares = 0;
    size_t finite = 0, zeros = 0;
    for (size_t i = 0; i < size; i++) {
        double x = page_at(a, i);
        if (!isfinite(x)) continue;
        finite++;
        zeros += x == 0;
        low = fmin(low, x);
        high = fmax(high, x);
        largest = fmax(largest, fabs(x));
    }
    for (size_t i = 0; i < size && largest > 0; i++) {
        double x = page_at(a, i);
        if (!isfinite(x)) continue;
        sum += x / largest;
        squares += (x / largest) * (x / largest);
    }
    (void)fprintf(p->file, "\"size\":%zu,\"nonfinite\":%zu,\"zeros\":%zu", size, size - finite, zeros);
    if (!finite) return;
    (void)fputs(",\"min\":", p->file);
    page_number(p->file, low);
    (void)fputs(",\"max\":", p->file);
    page_number(p->file, high);
    (void)fputs(",\"mean\":", p->file);
    page_number(p->file, sum / (double)finite * largest);
    (void)fputs(",\"norm\":", p->file);
    page_number(p->file, sqrt(squares) * largest);
}

/* A matrix in small: of each block the entry of largest magnitude, NaN above all. */
static void page_picture(const page *p, const page_array *a, size_t rows, size_t columns)
{
    size_t high = page_least(rows, PAGE_PICTURE), wide = page_least(columns, PAGE_PICTURE);
    (void)fprintf(p->file, ",\"picture\":{\"rows\":%zu,\"columns\":%zu,\"numbers\":[", high, wide);
    for (size_t r = 0; r < high; r++)
        for (size_t c = 0; c < wide; c++) {
            double most = 0;
            for (size_t i = r * rows / high; i < (r + 1) * rows / high; i++)
                for (size_t j = c * columns / wide; j < (c + 1) * columns / wide; j++) {
                    double x = page_at(a, i * columns + j);
                    if (isnan(x) || fabs(x) > fabs(most)) most = x;
                }
            if (r + c) (void)fputc(',', p->file);
            page_number(p->file, most);
        }
    (void)fputs("]}", p->file);
}

/* An array as a stack of matrices, its last two axes, and of each the part that is shown. */
static void page_array_write(const page *p, const page_array *a)
{
    const wg_shape *s = a->shape;
    size_t columns = s->rank ? s->dim[s->rank - 1] : 1, rows = s->rank > 1 ? s->dim[s->rank - 2] : 1, slices = 1;
    for (uint32_t axis = 0; axis + 2 < s->rank; axis++) slices *= s->dim[axis];
    size_t size = slices * rows * columns, wide = columns, high = rows, deep = page_least(slices, PAGE_SLICES);
    (void)fputc('{', p->file);
    page_statistics(p, a, size);
    bool full = s->rank < 2 ? columns <= PAGE_VECTOR : rows <= PAGE_WINDOW_FULL && columns <= PAGE_WINDOW_FULL;
    if (!full || rows * columns > p->numbers) {
        wide = page_least(columns, s->rank < 2 ? page_least(PAGE_VECTOR, p->numbers) : PAGE_WINDOW);
        high = page_least(rows, PAGE_WINDOW);
        while (high * wide > p->numbers) high > wide ? (high /= 2) : (wide /= 2);
    }
    if (high && wide) deep = page_least(deep, p->numbers / (high * wide));
    (void)fprintf(p->file, ",\"slices\":%zu,\"rows\":%zu,\"columns\":%zu,\"numbers\":[", deep, high, wide);
    for (size_t k = 0; k < deep && size; k++)
        for (size_t i = 0; i < high; i++)
            for (size_t j = 0; j < wide; j++) {
                if (k + i + j) (void)fputc(',', p->file);
                page_number(p->file, page_at(a, (k * rows + i) * columns + j));
            }
    (void)fputc(']', p->file);
    if (size && (high < rows || wide < columns)) page_picture(p, a, rows, columns);
    (void)fputc('}', p->file);
}

static page_array page_array_of(const wg_tape *tape, const wg_shape *shape, const void *data)
{
    bool narrow = wg_tape_dtype(tape) == WG_F32;
    return (page_array){.shape = shape, .f32 = narrow ? data : NULL, .f64 = narrow ? NULL : data};
}

/* ---- names ----------------------------------------------------------------------------------------------------------- */

/* What the other nodes say of one. */
typedef struct page_uses {
    uint32_t count, last; /* how often it is an input, and of which node last */
} page_uses;

static bool page_is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp(word, *words)) return true;
    return false;
}

/* Whether a node needs no step of its own: a product that is a part of a sum, or an array turned around for one use. */
static bool page_is_part(const wg_node_info *info, const page_uses *uses, wg_tape *tape)
{
    static const char *const products[] = {"matmul", "mul", "neg", NULL}, *const sums[] = {"add", "sub", NULL};
    static const char *const turns[] = {"transpose", "permute", "reshape", "broadcast_to", "expand_dims", NULL};
    wg_node_info user;
    if (uses->count != 1) return false;
    if (page_is_one_of(info->kind, turns)) return true;
    return page_is_one_of(info->kind, products) && wg_node_read(wg_node_at(tape, uses->last), &user) == WG_OK &&
           page_is_one_of(user.kind, sums);
}

static bool page_name_is_taken(wg_tape *tape, size_t count, const char *name)
{
    wg_node_info info;
    for (size_t i = 0; i < count; i++)
        if (wg_node_read(wg_node_at(tape, i), &info) == WG_OK && info.name && !strcmp(info.name, name)) return true;
    return false;
}

/* Gives the nodes that are steps names of their own, v1, v2, ...; the scalar is L. */
static bool page_name_steps(wg_var scalar, size_t count, const offence *o)
{
    wg_tape *tape = scalar.tape;
    page_uses *uses = calloc(count, sizeof *uses);
    if (!uses) return offence_say(o, "out of memory");
    for (size_t i = 0; i < count; i++) {
        wg_var input;
        for (size_t k = 0; wg_ok(input = wg_node_input(wg_node_at(tape, i), k)); k++) {
            uses[input.index].count++;
            uses[input.index].last = (uint32_t)i;
        }
    }
    unsigned number = 0;
    for (size_t i = 0; i < count; i++) {
        wg_var node = wg_node_at(tape, i);
        wg_node_info info;
        if (wg_node_read(node, &info) != WG_OK || !info.op || info.name) continue;
        bool last = node.index == scalar.index;
        if (!last && page_is_part(&info, &uses[i], tape)) continue;
        char name[24] = "L";
        if (!last || page_name_is_taken(tape, count, name)) do
                (void)snprintf(name, sizeof name, "v%u", ++number);
            while (page_name_is_taken(tape, count, name));
        (void)wg_name(node, name);
    }
    free(uses);
    return true;
}

/* ---- the parts of the page ----------------------------------------------------------------------------------------------- */

/* Writes a text that a function like snprintf makes. */
static void page_text(const page *p, const char *key, size_t (*make)(wg_var, char *, size_t), wg_var node)
{
    char text[1024];
    (void)make(node, text, sizeof text);
    (void)fprintf(p->file, ",\"%s\":", key);
    page_string(p->file, text);
}

static void page_node(const page *p, wg_var node)
{
    wg_node_info info;
    if (wg_node_read(node, &info) != WG_OK) return;
    (void)fprintf(p->file, "%s\n{\"kind\":", node.index ? "," : "");
    page_string(p->file, info.kind);
    if (info.name) {
        (void)fputs(",\"name\":", p->file);
        page_string(p->file, info.name);
    }
    (void)fputs(",\"shape\":", p->file);
    page_shape(p->file, &info.shape);
    (void)fprintf(p->file, ",\"leaf\":%s,\"inputs\":[", info.flags & WG_IS_LEAF ? "true" : "false");
    for (size_t k = 0; k < info.inputs; k++)
        (void)fprintf(p->file, "%s%lu", k ? "," : "", (unsigned long)wg_node_input(node, k).index);
    (void)fputc(']', p->file);
    if (info.op) {
        page_text(p, "attributes", wg_node_attributes, node);
        page_text(p, "formula", wg_node_formula, node);
    }
    page_array a = {.shape = &info.shape};
    if (info.flags & WG_IS_STALE)
        a.shape = NULL;
    else if (info.flags & WG_IS_INDICES)
        a.indices = wg_value_indices(node);
    else
        a = page_array_of(node.tape, &info.shape, wg_value(node));
    if (a.shape && (a.f32 || a.f64 || a.indices)) {
        (void)fputs(",\"value\":", p->file);
        page_array_write(p, &a);
    }
    (void)fputc('}', p->file);
}

static wg_status page_adjoint(void *user, wg_var node, void *adjoint)
{
    page *p = user;
    wg_shape shape = wg_shape_of(node);
    page_array a = page_array_of(node.tape, &shape, adjoint);
    (void)fprintf(p->file, "%s\n{\"node\":%lu,\"adjoint\":", p->comma ? "," : "", (unsigned long)node.index);
    page_array_write(p, &a);
    (void)fputc('}', p->file);
    p->comma = true;
    return WG_OK;
}

static wg_status page_contribution(void *user, const wg_edge *edge)
{
    page *p = user;
    wg_shape shape = wg_shape_of(edge->to);
    page_array a = page_array_of(edge->to.tape, &shape, edge->contribution);
    (void)fprintf(p->file, "%s\n{\"from\":%lu,\"to\":%lu,\"position\":%zu,", p->comma ? "," : "",
        (unsigned long)edge->from.index, (unsigned long)edge->to.index, edge->position);
    page_statistics(p, &a, wg_size(edge->to));
    (void)fputc('}', p->file);
    p->comma = true;
    return WG_OK;
}

/* The lines of wg_explain, as one string. */
static void page_explained(void *user, const char *text, size_t length)
{
    const page *p = user;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n')
            (void)fputs("\\n", p->file);
        else if (strchr("\"\\<>&", text[i]) || (unsigned char)text[i] < 0x20)
            (void)fprintf(p->file, "\\u%04x", (unsigned)(unsigned char)text[i]);
        else
            (void)fputc(text[i], p->file);
    }
}

static wg_status page_data(page *p, wg_var scalar, const wg_var *wrt, size_t n, const char *title, size_t count)
{
    wg_tape *tape = scalar.tape;
    (void)fputs("{\"title\":", p->file);
    page_string(p->file, title);
    (void)fprintf(p->file, ",\"dtype\":\"%s\",\"scalar\":%lu,\"wrt\":[", wg_tape_dtype(tape) == WG_F32 ? "f32" : "f64",
        (unsigned long)scalar.index);
    for (size_t i = 0; i < n; i++) (void)fprintf(p->file, "%s%lu", i ? "," : "", (unsigned long)wrt[i].index);
    (void)fputs("],\"nodes\":[", p->file);
    for (size_t i = 0; i < count; i++) page_node(p, wg_node_at(tape, i));
    (void)fputs("],\n\"sweep\":[", p->file);
    wg_observer observer = {.node = page_adjoint, .edge = page_contribution, .user = p};
    wg_status status = wg_observe(scalar, NULL, wrt, n, NULL, &observer);
    (void)fputs("],\n\"explained\":\"", p->file);
    if (status == WG_OK) status = wg_explain(scalar, wrt, n, page_explained, p);
    (void)fputs("\"}", p->file);
    return status;
}

bool page_write(
    const char *path, wg_var scalar, const wg_var *wrt, size_t n, const char *title, char *message, size_t size)
{
    offence o = {message, size, path, NULL};
    size_t count = wg_node_count(scalar.tape);
    if (!wg_ok(scalar) || wg_size(scalar) != 1) return offence_say(&o, "there is no scalar to explain");
    if (count > PAGE_NODES_MOST)
        return offence_say(&o, "the tape has %zu nodes, and a page shows at most %d", count, PAGE_NODES_MOST);
    if (!page_name_steps(scalar, count, &o)) return false;
    page p = {.file = fopen(path, "wb"), .numbers = page_least(PAGE_NUMBERS / (2 * count), PAGE_ARRAY_MOST)};
    if (!p.file) return offence_say(&o, "cannot be written: %s", strerror(errno));
    if (p.numbers < PAGE_ARRAY_LEAST) p.numbers = PAGE_ARRAY_LEAST;
    errno = 0;
    (void)fwrite(page_head, 1, page_head_size, p.file);
    wg_status status = page_data(&p, scalar, wrt, n, title, count);
    (void)fwrite(page_tail, 1, page_tail_size, p.file);
    bool failed = ferror(p.file);
    if (fclose(p.file)) failed = true;
    if (status != WG_OK) return offence_say(&o, "%s", wg_tape_message(scalar.tape));
    if (failed) return offence_say(&o, "cannot be written: %s", errno ? strerror(errno) : "the device takes no more");
    return true;
}
