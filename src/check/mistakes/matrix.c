/* Mistakes at matrix products, C = A B with the adjoint u of C: u B^T is right for A, and A^T u for B.
 *
 * Hand-written code forgets a transpose, of an operand or of the result; swaps the two; or multiplies element by element. With
 * arrays that know their shapes most of these need square matrices, or end in another shape. With bare memory they need
 * neither: a matrix read with the extents of its transpose is in range, and means other elements. So each is tried both
 * ways. Where only an operand changes, the library computes the product. */
#include "check/mistakes/numbers.h"

#include "wengert/ops.h"
#include "wengert/tape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MATRIX_WORK                                                                                                    \
    20000000 /* products computed here, of other shapes than the right one, take at most so many steps */

/* Matrices one after the other. */
typedef struct matrix {
    const double *numbers;
    size_t batch, rows, columns;
} matrix;

typedef struct matrix_at {
    check_offers offers;
    const check_edge *edge;
    size_t position; /* of the other operand */
    bool left;       /* the input is A */
    bool alike;      /* u, the other operand and the contribution can be seen as equally many matrices: */
    matrix u, other, contribution;
    wg_cause cause; /* of another operand that is not transposed */
    bool either;    /* ... it has two names */
    char name[128], above[128];
} matrix_at;

/* ---- transposes -------------------------------------------------------------------------------------------------------- */

/* How bare memory is read wrong: rows x columns elements taken for columns x rows, ... */
typedef enum matrix_turn {
    MATRIX_READ,    /* ... reading element (i, j) where (j, i) of the transpose lies, */
    MATRIX_WRITTEN, /* writing it there, */
    MATRIX_STRIDE   /* or reading it with the indices swapped and the stride as it was */
} matrix_turn;

static const double *matrix_turned(const check_edge *edge, const matrix *m, matrix_turn turn)
{
    size_t rows = m->rows, columns = m->columns;
    if (turn == MATRIX_STRIDE && (columns >= rows || m->batch > 1)) return NULL; /* out of range, or READ */
    double *out = m->numbers ? check_array(edge, m->batch * rows * columns) : NULL;
    for (size_t b = 0; out && b < m->batch; b++) {
        const double *in = m->numbers + b * rows * columns;
        double *to = out + b * rows * columns;
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < columns; j++) {
                if (turn == MATRIX_READ) to[i * columns + j] = in[j * rows + i];
                if (turn == MATRIX_WRITTEN) to[j * rows + i] = in[i * columns + j];
                if (turn == MATRIX_STRIDE) to[i * columns + j] = in[j * columns + i];
            }
    }
    return out;
}

/* The transpose as such. */
static matrix matrix_transposed(const check_edge *edge, const matrix *m)
{
    return (matrix){matrix_turned(edge, m, MATRIX_WRITTEN), m->batch, m->columns, m->rows};
}

/* ---- what there is ----------------------------------------------------------------------------------------------------- */

static matrix matrix_of(const double *numbers, const wg_shape *shape)
{
    matrix m = {numbers, 1, 1, 1};
    if (shape->rank >= 1) m.columns = shape->dim[shape->rank - 1];
    if (shape->rank >= 2) m.rows = shape->dim[shape->rank - 2];
    for (uint32_t d = 0; d + 2 < shape->rank; d++) m.batch *= shape->dim[d];
    return m;
}

/* Many matrices under one another. */
static matrix matrix_stacked(const matrix *m) { return (matrix){m->numbers, 1, m->batch * m->rows, m->columns}; }

/* What a node was before axes were moved. */
static bool matrix_is_leaf(wg_var node, unsigned *flags)
{
    static const char *const kinds[] = {"transpose", "permute", "reshape"};
    wg_node_info info;
    while (wg_node_read(node, &info) == WG_OK) {
        *flags = info.flags;
        if (info.flags & WG_IS_LEAF) return true;
        if (!check_is_among(&info, kinds, sizeof kinds / sizeof *kinds)) return false;
        node = wg_node_input(node, 0);
    }
    return false;
}

/* A weight is a leaf; and so may data be, where it is a constant, or where the gradient is another leaf's. */
static void matrix_name(matrix_at *at, wg_var other)
{
    unsigned flags = 0;
    bool leaf = matrix_is_leaf(other, &flags);
    at->cause = leaf ? WG_CAUSE_WEIGHT_NOT_TRANSPOSED : WG_CAUSE_TRANSPOSED;
    wg_node_info to;
    bool leaf_below = wg_node_read(at->edge->to, &to) == WG_OK && to.flags & WG_IS_LEAF;
    at->either = leaf && (leaf_below || !(flags & WG_IS_VARIABLE));
    snprintf(at->name, sizeof at->name, "%s", check_name(at->edge, other));
    snprintf(at->above, sizeof at->above, "%s", check_name(at->edge, at->edge->from));
}

static bool matrix_open(matrix_at *at, const check_edge *edge)
{
    *at = (matrix_at){.edge = edge, .position = 1 - edge->position, .left = edge->position == 0};
    at->offers.edge = edge;
    wg_var other = check_input(edge, at->position);
    wg_shape shape = wg_shape_of(other);
    const double *value = check_value(edge, other);
    if (!value || edge->to_size == 0 || edge->from_size == 0) return false;
    at->u = matrix_of(edge->adjoint, &edge->from_shape);
    at->other = matrix_of(value, &shape);
    at->contribution = matrix_of(edge->contribution, &edge->to_shape);
    bool right_is_one = at->left ? at->other.batch == 1 : at->contribution.batch == 1;
    if (right_is_one && at->left) /* all rows of A are multiplied by one B */
        at->u = matrix_stacked(&at->u), at->contribution = matrix_stacked(&at->contribution);
    if (right_is_one && !at->left) at->u = matrix_stacked(&at->u), at->other = matrix_stacked(&at->other);
    at->alike = at->u.batch == at->other.batch && at->u.batch == at->contribution.batch;
    matrix_name(at, other);
    return true;
}

/* ---- the result -------------------------------------------------------------------------------------------------------- */

/* The contribution transposed: in the shape of the transpose, with its elements moved or only renamed; and in memory. */
static void matrix_result(matrix_at *at)
{
    const check_edge *edge = at->edge;
    matrix m = matrix_of(edge->contribution, &edge->to_shape);
    wg_shape turned = edge->to_shape;
    if (turned.rank >= 2) {
        turned.dim[turned.rank - 1] = m.rows;
        turned.dim[turned.rank - 2] = m.columns;
    }
    const double *written = matrix_turned(edge, &m, MATRIX_WRITTEN), *read = matrix_turned(edge, &m, MATRIX_READ);
    if (m.rows != m.columns && check_wants(edge, &turned)) {
        check_suggest(edge, WG_CAUSE_TRANSPOSED, &turned, written, NAN, "transposed");
        check_suggest(edge, WG_CAUSE_TRANSPOSED, &turned, edge->contribution, NAN,
            "in the shape of the transpose, with its elements where they were");
    }
    bool square = m.rows == m.columns;
    check_offer(&at->offers, WG_CAUSE_TRANSPOSED, written, NAN, square ? "transposed" : "transposed in memory");
    check_offer(&at->offers, WG_CAUSE_TRANSPOSED, read, NAN,
        "read from memory as if it had %zu rows and %zu columns, and transposed", m.columns, m.rows);
}

/* ---- operands ---------------------------------------------------------------------------------------------------------- */

static const char *const matrix_ways[] = {
    " in memory", ", written transposed,", " in memory, with the stride as it was"};

static void matrix_offer_other(matrix_at *at, const double *value, const double *u, const char *way)
{
    const double *operands[2] = {NULL, NULL};
    if (!value) return;
    operands[at->position] = value;
    const double *numbers = check_derive(at->edge, operands, u);
    const char *also = u ? ", and the adjoint transposed" : "";
    check_offer(&at->offers, u ? WG_CAUSE_TRANSPOSED : at->cause, numbers, NAN,
        "multiplied by %s%s where its transpose is right%s", at->name, way, also);
    if (at->either && !u)
        check_offer(&at->offers, WG_CAUSE_TRANSPOSED, numbers, NAN, "multiplied by %s%s where its transpose is right",
            at->name, way);
}

static void matrix_operands_seen_as(matrix_at *at, const matrix *other, const matrix *u)
{
    const check_edge *edge = at->edge;
    bool square = other->rows == other->columns, square_u = u->rows == u->columns;
    for (int turn = MATRIX_READ; turn <= MATRIX_STRIDE; turn++) {
        const double *value = matrix_turned(edge, other, (matrix_turn)turn);
        matrix_offer_other(at, value, NULL, square ? "" : matrix_ways[turn]);
        const double *turned = matrix_turned(edge, u, (matrix_turn)turn);
        if (turned)
            check_offer(&at->offers, WG_CAUSE_TRANSPOSED, check_derive(edge, NULL, turned), NAN,
                "the adjoint of %s is transposed%s", at->above, square_u ? "" : " in memory");
        if (turn == MATRIX_READ) matrix_offer_other(at, value, turned, square ? "" : matrix_ways[turn]);
    }
}

static void matrix_operands(matrix_at *at)
{
    const check_edge *edge = at->edge;
    wg_shape shape = wg_shape_of(check_input(edge, at->position));
    matrix other = matrix_of(at->other.numbers, &shape), u = matrix_of(edge->adjoint, &edge->from_shape);
    matrix_operands_seen_as(at, &other, &u);
    if (u.batch != at->u.batch || other.batch != at->other.batch) matrix_operands_seen_as(at, &at->other, &at->u);
}

/* ---- other products ---------------------------------------------------------------------------------------------------- */

/* X Y, where it exists. */
static matrix matrix_product(const check_edge *edge, const matrix *x, const matrix *y)
{
    matrix out = {NULL, x->batch, x->rows, y->columns};
    size_t n = x->batch * x->rows * y->columns, inner = x->columns;
    if (x->columns != y->rows || (inner && n > MATRIX_WORK / inner)) return out;
    double *to = x->numbers && y->numbers ? check_array(edge, n) : NULL;
    for (size_t i = 0; to && i < n; i++) to[i] = 0;
    for (size_t b = 0; to && b < x->batch; b++)
        for (size_t i = 0; i < x->rows; i++)
            for (size_t k = 0; k < inner; k++) {
                double a = x->numbers[(b * x->rows + i) * inner + k];
                for (size_t j = 0; j < y->columns; j++)
                    to[(b * x->rows + i) * y->columns + j] += a * y->numbers[(b * inner + k) * y->columns + j];
            }
    out.numbers = to;
    return out;
}

/* The input's leading axes, with matrices of another shape. */
static wg_shape matrix_shape(const matrix_at *at, size_t rows, size_t columns)
{
    wg_shape shape = at->edge->to_shape;
    bool stacked = at->contribution.batch == 1 && rows == at->contribution.rows;
    if (shape.rank < 2 || (at->contribution.batch == 1 && !stacked)) return (wg_shape){2, {rows, columns}};
    if (!stacked) shape.dim[shape.rank - 2] = rows;
    shape.dim[shape.rank - 1] = columns;
    return shape;
}

static bool matrix_is_contribution(const matrix_at *at, const matrix *m)
{
    const matrix *c = &at->contribution;
    return m->rows == c->rows && m->columns == c->columns &&
           check_agree(m->numbers, c->numbers, c->batch * c->rows * c->columns);
}

/* The operands the other way round, each transposed or not. The right product, with the adjoint first for A and last for B, is
 * left out; so are those in the right order, which matrix_operands has. */
static void matrix_swapped(matrix_at *at)
{
    const check_edge *edge = at->edge;
    matrix us[2] = {at->u, matrix_transposed(edge, &at->u)};
    matrix others[2] = {at->other, matrix_transposed(edge, &at->other)};
    for (int k = 0; k < 4; k++) {
        const matrix *u = &us[k & 1], *o = &others[k >> 1], *x = at->left ? o : u, *y = at->left ? u : o;
        wg_shape shape = matrix_shape(at, x->rows, y->columns);
        if (x->columns != y->rows || !check_wants(edge, &shape)) continue;
        matrix m = matrix_product(edge, x, y);
        if (!m.numbers || matrix_is_contribution(at, &m)) continue;
        check_suggest(edge, WG_CAUSE_OPERANDS_SWAPPED, &shape, m.numbers, NAN,
            "the operands of the product, the adjoint of %s and %s, are swapped", at->above, at->name);
    }
}

/* Operands in the right order that fit with a transpose missing, or one too many, and end in another shape. */
static void matrix_misfit(matrix_at *at)
{
    const check_edge *edge = at->edge;
    matrix us[2] = {at->u, matrix_transposed(edge, &at->u)};
    matrix others[2] = {at->other, matrix_transposed(edge, &at->other)};
    for (int k = 0; k < 4; k++) {
        const matrix *u = &us[k & 1], *o = &others[k >> 1], *x = at->left ? u : o, *y = at->left ? o : u;
        wg_shape shape = matrix_shape(at, x->rows, y->columns);
        if (x->columns != y->rows || check_shapes_equal(&shape, &edge->to_shape) || !check_wants(edge, &shape))
            continue;
        matrix m = matrix_product(edge, x, y);
        bool weight = !(k & 1);
        if (m.numbers && !matrix_is_contribution(at, &m))
            check_suggest(edge, weight ? at->cause : WG_CAUSE_TRANSPOSED, &shape, m.numbers, NAN,
                "the product of %s and the adjoint of %s lacks a transpose, or has one too many", at->name, at->above);
    }
}

/* ---- element by element ------------------------------------------------------------------------------------------------ */

/* X * Y, stretched by the rule of broadcasting. */
static matrix matrix_elementwise(const check_edge *edge, const matrix *x, const matrix *y)
{
    bool fits = (x->rows == y->rows || x->rows == 1 || y->rows == 1) &&
                (x->columns == y->columns || x->columns == 1 || y->columns == 1);
    matrix out = {
        NULL, x->batch, x->rows > y->rows ? x->rows : y->rows, x->columns > y->columns ? x->columns : y->columns};
    double *to = fits && x->numbers && y->numbers ? check_array(edge, out.batch * out.rows * out.columns) : NULL;
    for (size_t b = 0; to && b < out.batch; b++)
        for (size_t i = 0; i < out.rows; i++)
            for (size_t j = 0; j < out.columns; j++) {
                size_t xi = x->rows == 1 ? 0 : i, xj = x->columns == 1 ? 0 : j;
                size_t yi = y->rows == 1 ? 0 : i, yj = y->columns == 1 ? 0 : j;
                to[(b * out.rows + i) * out.columns + j] =
                    x->numbers[(b * x->rows + xi) * x->columns + xj] * y->numbers[(b * y->rows + yi) * y->columns + yj];
            }
    out.numbers = to;
    return out;
}

/* The same for as many rows and columns as the contribution has, where both reach so far. */
static const double *matrix_elementwise_part(const matrix_at *at, const matrix *x, const matrix *y)
{
    const matrix *c = &at->contribution;
    bool reach = x->rows >= c->rows && x->columns >= c->columns && y->rows >= c->rows && y->columns >= c->columns;
    double *out = reach && x->numbers && y->numbers ? check_array(at->edge, at->edge->to_size) : NULL;
    for (size_t b = 0; out && b < c->batch; b++)
        for (size_t i = 0; i < c->rows; i++)
            for (size_t j = 0; j < c->columns; j++)
                out[(b * c->rows + i) * c->columns + j] =
                    x->numbers[(b * x->rows + i) * x->columns + j] * y->numbers[(b * y->rows + i) * y->columns + j];
    return out;
}

static void matrix_suggest_elementwise(matrix_at *at, const wg_shape *shape, const double *numbers, const char *then)
{
    check_suggest(at->edge, WG_CAUSE_ELEMENTWISE_FOR_MATMUL, shape, numbers, NAN,
        "the adjoint of %s and %s multiplied element by element%s where the matrix product is right", at->above,
        at->name, then);
}

/* As it is, and summed or averaged over its rows or columns, in the shapes that this gives. */
static void matrix_elementwise_shapes(matrix_at *at, const matrix *m)
{
    wg_shape shape = matrix_shape(at, m->rows, m->columns);
    if (!m->numbers || matrix_is_contribution(at, m)) return;
    if (check_wants(at->edge, &shape)) matrix_suggest_elementwise(at, &shape, m->numbers, "");
    for (uint32_t axis = shape.rank - 2; axis < shape.rank && check_shape_size(&shape) > 0; axis++) {
        wg_shape summed = shape;
        summed.dim[axis] = 1;
        if (shape.dim[axis] <= 1 || !check_wants(at->edge, &summed)) continue;
        check_split split = check_split_at(&shape, axis);
        double *sum = check_array(at->edge, check_shape_size(&summed));
        if (!sum) return;
        for (size_t i = 0; i < split.outer * split.inner; i++) sum[i] = 0;
        for (size_t i = 0; i < split.outer * split.extent * split.inner; i++)
            sum[i / (split.extent * split.inner) * split.inner + i % split.inner] += m->numbers[i];
        matrix_suggest_elementwise(at, &summed, sum, " and summed");
    }
}

static void matrix_elementwise_all(matrix_at *at)
{
    const check_edge *edge = at->edge;
    matrix us[2] = {at->u, matrix_transposed(edge, &at->u)};
    matrix others[2] = {at->other, matrix_transposed(edge, &at->other)};
    for (int k = 0; k < 4; k++) {
        matrix m = matrix_elementwise(edge, &us[k & 1], &others[k >> 1]);
        matrix_elementwise_shapes(at, &m);
        check_offer(&at->offers, WG_CAUSE_ELEMENTWISE_FOR_MATMUL,
            matrix_elementwise_part(at, &us[k & 1], &others[k >> 1]), NAN,
            "the adjoint of %s and %s multiplied element by element where the matrix product is right", at->above,
            at->name);
    }
    size_t n = edge->to_size, n_u = edge->from_size, n_other = at->other.batch * at->other.rows * at->other.columns;
    if (n <= n_u && n <= n_other)
        check_offer(&at->offers, WG_CAUSE_ELEMENTWISE_FOR_MATMUL,
            check_product(edge, edge->adjoint, at->other.numbers, n), NAN,
            "the adjoint of %s and %s multiplied element by element in memory where the matrix product is right",
            at->above, at->name);
}

/* ---- other ops with a matrix in them ----------------------------------------------------------------------------------- */

/* A weight of shape (O, C, ...) with its first two axes in the other order. */
static const double *matrix_channels_swapped(const check_edge *edge, const double *w, const wg_shape *shape)
{
    size_t out = shape->dim[0], in = shape->dim[1], taps = 1;
    for (uint32_t d = 2; d < shape->rank; d++) taps *= shape->dim[d];
    double *turned = w ? check_array(edge, out * in * taps) : NULL;
    for (size_t o = 0; turned && o < out; o++)
        for (size_t c = 0; c < in; c++)
            memcpy(turned + (o * in + c) * taps, w + (c * out + o) * taps, taps * sizeof *w);
    return turned;
}

static void matrix_convolution(const check_edge *edge)
{
    check_offers offers = {.edge = edge};
    const double *operands[2] = {NULL, NULL};
    wg_var w = check_input(edge, 1);
    wg_shape shape = wg_shape_of(w);
    if (edge->position != 0 || shape.rank < 3) return;
    operands[1] = matrix_channels_swapped(edge, check_value(edge, w), &shape);
    if (operands[1])
        check_offer(&offers, WG_CAUSE_WEIGHT_NOT_TRANSPOSED, check_derive(edge, operands, NULL), NAN,
            "computed with %s with its channels in and out exchanged", check_name(edge, w));
}

/* y = A^-1, and -y u y where the transposes of y are right. */
static void matrix_inverse(const check_edge *edge)
{
    check_offers offers = {.edge = edge};
    if (edge->position != 0) return;
    matrix y = matrix_of(check_value(edge, edge->from), &edge->from_shape);
    matrix u = matrix_of(edge->adjoint, &edge->from_shape);
    matrix once = matrix_product(edge, &y, &u), twice = matrix_product(edge, &once, &y);
    if (twice.numbers)
        check_offer(&offers, WG_CAUSE_TRANSPOSED, check_scaled(edge, twice.numbers, -1, edge->to_size), NAN,
            "computed with %s where its transpose is right", check_name(edge, edge->from));
}

/* x = A^-1 b, and A^-1 u where A's transpose is right. */
static void matrix_solve(const check_edge *edge)
{
    check_offers offers = {.edge = edge};
    wg_var a = check_input(edge, 0);
    unsigned flags;
    const double *value = check_value(edge, a);
    double *out = check_array(edge, edge->to_size);
    if (edge->position + 1 != edge->op.inputs || edge->to_size != edge->from_size || !value || !out) return;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var system = wg_constant_f64(tape, wg_shape_of(a), value);
    const double *x = wg_value_f64(wg_solve(system, wg_constant_f64(tape, edge->from_shape, edge->adjoint)));
    if (x) memcpy(out, x, edge->to_size * sizeof *x);
    wg_tape_free(tape);
    wg_cause cause = matrix_is_leaf(a, &flags) ? WG_CAUSE_WEIGHT_NOT_TRANSPOSED : WG_CAUSE_TRANSPOSED;
    if (x) check_offer(&offers, cause, out, NAN, "solved with %s where its transpose is right", check_name(edge, a));
}

/* ---- the family -------------------------------------------------------------------------------------------------------- */

void check_mistakes_matrix(const check_edge *edge)
{
    matrix_at at;
    if (strncmp(edge->op.kind, "conv", 4) == 0) matrix_convolution(edge);
    if (check_is(&edge->op, "inv")) matrix_inverse(edge);
    if (check_is(&edge->op, "solve")) matrix_solve(edge);
    if (!check_is(&edge->op, "matmul") || !matrix_open(&at, edge)) return;
    matrix_result(&at);
    matrix_operands(&at);
    if (!at.alike) return;
    matrix_swapped(&at);
    matrix_misfit(&at);
    matrix_elementwise_all(&at);
}
