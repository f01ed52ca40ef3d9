/* Mistakes at losses, made by hand: another count divides, the mean is left out; softmax's Jacobian is taken for its
 * diagonal; of picks by an index that repeats only one counts. */
#include "support/handmade.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const size_t shapes[][3] = {{3, 4, 7}, {5, 6, 8}, {7, 5, 3}}; /* inputs, outputs, samples */
#define SHAPES (sizeof shapes / sizeof *shapes)

/* Z = W X + b, with everything below dZ right. */
typedef struct linear {
    handmade *h;
    size_t in, out, samples;
    wg_var x, w, b, z;
    double *dz, *dw, *db;
} linear;

static linear linear_forward(handmade *h, const size_t *extents)
{
    linear l = {.h = h, .in = extents[0], .out = extents[1], .samples = extents[2]};
    l.x = handmade_constant(h, "X", WG_DIMS(l.in, l.samples), handmade_random(h, l.in * l.samples, -1, 1));
    l.w = handmade_variable(h, "W", WG_DIMS(l.out, l.in), handmade_random(h, l.out * l.in, -1, 1));
    l.b = handmade_variable(h, "b", WG_DIMS(l.out, 1), handmade_random(h, l.out, -1, 1));
    l.z = handmade_named("Z", wg_add(wg_matmul(l.w, l.x), l.b));
    l.dz = handmade_gradient_of(h, l.z);
    l.dw = handmade_gradient_of(h, l.w);
    l.db = handmade_gradient_of(h, l.b);
    return l;
}

static void linear_backward(linear *l)
{
    handmade_product(l->dw, l->dz, false, wg_value_f64(l->x), true, l->out, l->samples, l->in);
    for (size_t i = 0; i < l->out * l->samples; i++) l->db[i / l->samples] += l->dz[i];
}

/* ---- reductions ------------------------------------------------------------------------------------------------------------ */

static double count_of(const linear *l, wg_reduction reduction)
{
    if (reduction == WG_SUM) return 1;
    return (double)(reduction == WG_MEAN ? l->out * l->samples : l->samples);
}

/* Which loss, and the derivative of one position's. */
typedef struct loss_row {
    const char *label;
    wg_var (*loss)(wg_var z, wg_var y, wg_reduction reduction);
    double (*slope)(double z, double y);
} loss_row;

static wg_var huber(wg_var z, wg_var y, wg_reduction reduction) { return wg_huber(z, y, 0.5, reduction); }
static double slope_mse(double z, double y) { return 2 * (z - y); }
static double slope_l1(double z, double y) { return z > y ? 1 : -1; }
static double slope_huber(double z, double y) { return fmax(-0.5, fmin(0.5, z - y)); }
static double slope_bce(double z, double y) { return 1 / (1 + exp(-z)) - y; }

static const loss_row losses[] = {
    {"mse", wg_mse, slope_mse},
    {"l1", wg_l1, slope_l1},
    {"huber", huber, slope_huber},
    {"bce_with_logits", wg_bce_with_logits, slope_bce},
};

static void try_reduction(const loss_row *row, const size_t *extents, wg_reduction right, wg_reduction made)
{
    handmade *h = handmade_new(row->label, 10 * (size_t)right + (size_t)made + 1);
    linear l = linear_forward(h, extents);
    size_t n = l.out * l.samples;
    const double *y = handmade_random(h, n, 0, 1), *z = wg_value_f64(l.z);
    wg_var target = handmade_constant(h, "Y", wg_shape_of(l.z), y);
    h->loss = handmade_named("L", row->loss(l.z, target, right));
    for (size_t i = 0; i < n; i++) l.dz[i] = row->slope(z[i], y[i]) / count_of(&l, made);
    linear_backward(&l);
    if (right == made)
        handmade_expect_right(h);
    else
        handmade_expect_factor(h, WG_CAUSE_REDUCTION, count_of(&l, right) / count_of(&l, made));
    handmade_free(h);
}

static void another_reduction(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof losses / sizeof *losses; k++)
        for (size_t s = 0; s < SHAPES; s++)
            for (int right = WG_MEAN; right <= WG_BATCH_MEAN; right++)
                for (int made = WG_MEAN; made <= WG_BATCH_MEAN; made++)
                    try_reduction(&losses[k], shapes[s], (wg_reduction)right, (wg_reduction)made);
}

/* ---- softmax and cross-entropy --------------------------------------------------------------------------------------------- */

static void softmax_columns(const double *z, size_t rows, size_t columns, double *p)
{
    for (size_t j = 0; j < columns; j++) {
        double sum = 0;
        for (size_t i = 0; i < rows; i++) sum += exp(z[i * columns + j]);
        for (size_t i = 0; i < rows; i++) p[i * columns + j] = exp(z[i * columns + j]) / sum;
    }
}

/* Targets that are probabilities, none of them 0. */
static double *draw_targets(handmade *h, size_t rows, size_t columns)
{
    double *t = handmade_random(h, rows * columns, -1, 1);
    softmax_columns(t, rows, columns, t);
    return t;
}

typedef enum slip { RIGHT, DIAGONAL, NO_SUM } slip;

/* L = -sum T log P / samples, P = softmax(Z) */
static void try_softmax(const size_t *extents, slip made)
{
    handmade *h = handmade_new("softmax", (uint64_t)made + 1);
    linear l = linear_forward(h, extents);
    size_t m = l.samples, n = l.out * m;
    const double *t = draw_targets(h, l.out, m), *p;
    wg_var probabilities = handmade_named("P", wg_softmax(l.z, 0)),
           target = handmade_constant(h, "T", wg_shape_of(l.z), t);
    wg_var sum = wg_sum(wg_mul(target, wg_log(probabilities)));
    h->loss = handmade_named("L", wg_neg(wg_div(sum, wg_scalar(h->tape, (double)m))));
    double *dp = handmade_gradient_of(h, probabilities);
    p = wg_value_f64(probabilities);
    for (size_t i = 0; i < n; i++) dp[i] = -t[i] / p[i] / (double)m;
    for (size_t i = 0; i < n; i++) {
        double others = 0;
        for (size_t k = i % m; k < n; k += m) others += dp[k] * p[k];
        l.dz[i] = made == RIGHT ? p[i] * (dp[i] - others) : made == DIAGONAL ? dp[i] * p[i] * (1 - p[i]) : dp[i] * p[i];
    }
    linear_backward(&l);
    if (made == RIGHT)
        handmade_expect_right(h);
    else
        handmade_expect(h, WG_CAUSE_SOFTMAX_DIAGONAL, probabilities, l.z);
    handmade_free(h);
}

/* The same with log_softmax, without an op of its own, and as one op with the loss. */
static void try_log_softmax(const size_t *extents, slip made)
{
    handmade *h = handmade_new("log_softmax", (uint64_t)made + 1);
    linear l = linear_forward(h, extents);
    size_t m = l.samples, n = l.out * m;
    const double *t = draw_targets(h, l.out, m);
    double *p = handmade_zeros(h, n);
    wg_var logs = handmade_named("G", wg_log_softmax(l.z, 0)), target = handmade_constant(h, "T", wg_shape_of(l.z), t);
    h->loss = handmade_named("L", wg_neg(wg_sum(wg_mul(target, logs))));
    softmax_columns(wg_value_f64(l.z), l.out, m, p);
    for (size_t i = 0; i < n; i++) l.dz[i] = made == RIGHT ? p[i] - t[i] : -t[i] * (1 - p[i]);
    linear_backward(&l);
    if (made == RIGHT)
        handmade_expect_right(h);
    else
        handmade_expect(h, WG_CAUSE_SOFTMAX_DIAGONAL, logs, l.z);
    handmade_free(h);
}

static void try_composed_softmax(const size_t *extents, slip made)
{
    handmade *h = handmade_new("exp(Z) / sum exp(Z)", (uint64_t)made + 1);
    linear l = linear_forward(h, extents);
    size_t m = l.samples, n = l.out * m;
    const double *t = draw_targets(h, l.out, m);
    double *p = handmade_zeros(h, n);
    wg_var e = handmade_named("E", wg_exp(l.z)), sum = handmade_named("S", wg_sum_axes(e, WG_AXES(0), true));
    wg_var target = handmade_constant(h, "T", wg_shape_of(l.z), t);
    wg_var logs = wg_log(wg_div(e, sum));
    h->loss = handmade_named("L", wg_neg(wg_sum(wg_mul(target, logs))));
    softmax_columns(wg_value_f64(l.z), l.out, m, p);
    for (size_t i = 0; i < n; i++)
        l.dz[i] = made == RIGHT ? p[i] - t[i] : made == DIAGONAL ? -t[i] * (1 - p[i]) : -t[i];
    linear_backward(&l);
    if (made == RIGHT)
        handmade_expect_right(h);
    else
        handmade_expect(h, WG_CAUSE_SOFTMAX_DIAGONAL, sum, e);
    handmade_free(h);
}

static double slip_of_entropy(slip made, double p, double t)
{
    return made == RIGHT ? p - t : made == DIAGONAL ? -t * (1 - p) : -t;
}

/* Targets are classes, or probabilities. */
static void try_cross_entropy(const size_t *extents, slip made, bool classes)
{
    handmade *h = handmade_new("cross_entropy", (uint64_t)made + 1);
    linear l = linear_forward(h, extents);
    size_t m = l.samples, n = l.out * m;
    double *t = classes ? handmade_zeros(h, n) : draw_targets(h, l.out, m), *p = handmade_zeros(h, n);
    int64_t indices[16];
    for (size_t j = 0; j < m && classes; j++) {
        indices[j] = (int64_t)((3 * j + 1) % l.out);
        t[(size_t)indices[j] * m + j] = 1;
    }
    wg_var target = classes ? wg_name(wg_indices(h->tape, WG_DIMS(m), indices), "T")
                            : handmade_constant(h, "T", wg_shape_of(l.z), t);
    h->loss = handmade_named("L", wg_cross_entropy(l.z, target, 0, WG_MEAN));
    softmax_columns(wg_value_f64(l.z), l.out, m, p);
    for (size_t i = 0; i < n; i++) l.dz[i] = slip_of_entropy(made, p[i], t[i]) / (double)m;
    linear_backward(&l);
    if (made == RIGHT)
        handmade_expect_right(h);
    else
        handmade_expect(h, WG_CAUSE_SOFTMAX_DIAGONAL, handmade_find(h, "cross_entropy", 0), l.z);
    handmade_free(h);
}

static void softmax_by_its_diagonal(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++)
        for (int made = RIGHT; made <= NO_SUM; made++) {
            try_softmax(shapes[s], (slip)made);
            try_log_softmax(shapes[s], (slip)made > DIAGONAL ? DIAGONAL : (slip)made);
            try_composed_softmax(shapes[s], (slip)made);
            try_cross_entropy(shapes[s], (slip)made, false);
            try_cross_entropy(shapes[s], (slip)made, true);
        }
}

/* What else stands for softmax(Z) - T. */
typedef struct entropy_row {
    const char *label;
    double (*of)(double z, double p, double t);
    wg_cause cause;
} entropy_row;

static double of_logits(double z, double p, double t) { return (void)p, z - t; }
static double of_sigmoid(double z, double p, double t) { return (void)p, 1 / (1 + exp(-z)) - t; }
static double of_no_target(double z, double p, double t) { return (void)z, (void)t, p; }
static double of_no_derivative(double z, double p, double t) { return (void)z, -t / p; }

static void what_stands_for_softmax(void **state)
{
    (void)state;
    static const entropy_row rows[] = {
        {"Z - T", of_logits, WG_CAUSE_WRONG_OPERAND},
        {"sigmoid(Z) - T", of_sigmoid, WG_CAUSE_ACTIVATION_OF_ANOTHER},
        {"P", of_no_target, WG_CAUSE_WRONG_OPERAND},
        {"-T / P", of_no_derivative, WG_CAUSE_ACTIVATION_MISSING},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        for (size_t s = 0; s < SHAPES; s++) {
            handmade *h = handmade_new(rows[k].label, s + 1);
            linear l = linear_forward(h, shapes[s]);
            size_t m = l.samples, n = l.out * m;
            double *t = draw_targets(h, l.out, m), *p = handmade_zeros(h, n);
            const double *z = wg_value_f64(l.z);
            h->loss = wg_cross_entropy(l.z, handmade_constant(h, "T", wg_shape_of(l.z), t), 0, WG_MEAN);
            softmax_columns(z, l.out, m, p);
            for (size_t i = 0; i < n; i++) l.dz[i] = rows[k].of(z[i], p[i], t[i]) / (double)m;
            linear_backward(&l);
            handmade_expect(h, rows[k].cause, handmade_find(h, "cross_entropy", 0), l.z);
            handmade_free(h);
        }
}

/* The mean of a cross-entropy is over positions that are not ignored; or by the weights of their classes. */
static void try_divisor(const size_t *extents, double made)
{
    handmade *h = handmade_new("cross_entropy's divisor", 1);
    linear l = linear_forward(h, extents);
    size_t m = l.samples, n = l.out * m;
    double *p = handmade_zeros(h, n);
    int64_t indices[16];
    for (size_t j = 0; j < m; j++) indices[j] = j == 1 ? -100 : (int64_t)((3 * j + 1) % l.out);
    wg_cross_entropy_options options = {.ignores = true, .ignore_index = -100};
    wg_var target = wg_name(wg_indices(h->tape, WG_DIMS(m), indices), "T");
    h->loss = handmade_named("L", wg_cross_entropy_with(l.z, target, 0, WG_MEAN, &options));
    softmax_columns(wg_value_f64(l.z), l.out, m, p);
    double divisor = made == 0 ? (double)m : made;
    for (size_t i = 0; i < n; i++)
        if (i % m != 1) l.dz[i] = (p[i] - (indices[i % m] == (int64_t)(i / m))) / divisor;
    linear_backward(&l);
    handmade_expect_factor(h, WG_CAUSE_REDUCTION, (double)(m - 1) / divisor);
    handmade_free(h);
}

static void ignored_positions_count(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        try_divisor(shapes[s], 0);
        try_divisor(shapes[s], 1);
    }
}

/* ---- attention -------------------------------------------------------------------------------------------------------------- */

/* O = softmax(Q K^T / sqrt d) V, L = sum C O; t is what passes through softmax. */
static void try_attention(size_t rows, size_t keys, size_t d, slip made)
{
    handmade *h = handmade_new("attention", rows);
    const double *q = handmade_random(h, rows * d, -1, 1), *k = handmade_random(h, keys * d, -1, 1);
    const double *v = handmade_random(h, keys * d, -1, 1), *c = handmade_random(h, rows * d, -1, 1);
    wg_var of_q = handmade_variable(h, "Q", WG_DIMS(rows, d), q), of_k = handmade_variable(h, "K", WG_DIMS(keys, d), k);
    wg_var of_v = handmade_variable(h, "V", WG_DIMS(keys, d), v);
    wg_var o = handmade_named("O", wg_attention(of_q, of_k, of_v, (wg_var){0}, NULL));
    h->loss = handmade_named("L", wg_sum(wg_mul(handmade_constant(h, "C", WG_DIMS(rows, d), c), o)));
    double *dq = handmade_gradient_of(h, of_q), *dk = handmade_gradient_of(h, of_k),
           *dv = handmade_gradient_of(h, of_v);
    double *w = handmade_zeros(h, rows * keys), *dw = handmade_zeros(h, rows * keys),
           *t = handmade_zeros(h, rows * keys);
    handmade_product(w, q, false, k, true, rows, d, keys);
    handmade_product(dw, c, false, v, true, rows, d, keys);
    for (size_t i = 0; i < rows; i++) {
        double sum = 0, mean = 0;
        for (size_t j = 0; j < keys; j++) sum += w[i * keys + j] = exp(w[i * keys + j] / sqrt((double)d));
        for (size_t j = 0; j < keys; j++) w[i * keys + j] /= sum;
        for (size_t j = 0; j < keys; j++) mean += w[i * keys + j] * dw[i * keys + j];
        for (size_t j = 0; j < keys; j++) {
            double weight = w[i * keys + j], u = dw[i * keys + j];
            t[i * keys + j] = made == RIGHT      ? weight * (u - mean)
                              : made == DIAGONAL ? u * weight * (1 - weight)
                                                 : u * weight;
            t[i * keys + j] /= sqrt((double)d);
        }
    }
    handmade_product(dv, w, true, c, false, keys, rows, d);
    handmade_product(dq, t, false, k, false, rows, keys, d);
    handmade_product(dk, t, true, q, false, keys, rows, d);
    if (made == RIGHT)
        handmade_expect_right(h);
    else
        handmade_expect(
            h, WG_CAUSE_SOFTMAX_DIAGONAL, handmade_find(h, "softmax", 0), handmade_find_input(h, "softmax", 0));
    handmade_free(h);
}

static void softmax_inside_attention(void **state)
{
    (void)state;
    for (int made = RIGHT; made <= NO_SUM; made++) {
        try_attention(3, 5, 4, (slip)made);
        try_attention(6, 4, 3, (slip)made);
        try_attention(5, 7, 6, (slip)made);
    }
}

/* ---- repeated indices --------------------------------------------------------------------------------------------------------- */

typedef enum keeps { ALL, LAST, FIRST } keeps;

/* L = sum C y^2 / 2, y = table[indices] */
static void try_embedding(size_t rows, size_t columns, size_t picks, keeps kept)
{
    handmade *h = handmade_new("embedding", rows + 7 * (size_t)kept);
    int64_t indices[32];
    for (size_t k = 0; k < picks; k++) indices[k] = (int64_t)(k * k % rows);
    const double *c = handmade_random(h, picks * columns, 0.5, 1);
    wg_var table = handmade_variable(h, "E", WG_DIMS(rows, columns), handmade_random(h, rows * columns, -1, 1));
    wg_var index = wg_name(wg_indices(h->tape, WG_DIMS(picks), indices), "I");
    wg_var y = handmade_named("Y", wg_embedding(table, index));
    wg_var weighed = wg_mul(handmade_constant(h, "C", WG_DIMS(picks, columns), c), wg_square(y));
    h->loss = handmade_named("L", wg_mul(wg_sum(weighed), wg_scalar(h->tape, 0.5)));
    double *dy = handmade_gradient_of(h, y), *de = handmade_gradient_of(h, table);
    const double *values = wg_value_f64(y);
    bool *written = (bool *)handmade_zeros(h, rows);
    for (size_t k = 0; k < picks; k++) {
        double *row = de + (size_t)indices[k] * columns;
        for (size_t j = 0; j < columns; j++) dy[k * columns + j] = c[k * columns + j] * values[k * columns + j];
        for (size_t j = 0; j < columns; j++) {
            double g = dy[k * columns + j];
            if (kept == ALL) row[j] += g;
            if (kept == LAST || (kept == FIRST && !written[indices[k]])) row[j] = g;
        }
        written[indices[k]] = true;
    }
    if (kept == ALL)
        handmade_expect_right(h);
    else
        handmade_expect(h, WG_CAUSE_REPEATED_INDEX, y, table);
    handmade_free(h);
}

/* L = sum C z^2 / 2, z = index_add(X, indices, U): updates of the same row all count; code that stores them keeps one. */
static void try_index_add(size_t rows, size_t columns, size_t picks, keeps kept)
{
    handmade *h = handmade_new("index_add", rows + 7 * (size_t)kept);
    int64_t indices[32];
    for (size_t k = 0; k < picks; k++) indices[k] = (int64_t)(k * k % rows);
    const double *c = handmade_random(h, rows * columns, 0.5, 1);
    wg_var x = handmade_constant(h, "X", WG_DIMS(rows, columns), handmade_random(h, rows * columns, -1, 1));
    wg_var updates = handmade_variable(h, "U", WG_DIMS(picks, columns), handmade_random(h, picks * columns, -1, 1));
    wg_var index = wg_name(wg_indices(h->tape, WG_DIMS(picks), indices), "I");
    wg_var z = handmade_named("Z", wg_index_add(x, index, updates, 0));
    wg_var weighed = wg_mul(handmade_constant(h, "C", WG_DIMS(rows, columns), c), wg_square(z));
    h->loss = handmade_named("L", wg_mul(wg_sum(weighed), wg_scalar(h->tape, 0.5)));
    double *dz = handmade_gradient_of(h, z), *du = handmade_gradient_of(h, updates);
    for (size_t i = 0; i < rows * columns; i++) dz[i] = c[i] * wg_value_f64(z)[i];
    for (size_t k = 0; k < picks; k++) {
        bool earlier = false, later = false;
        for (size_t j = 0; j < picks; j++) {
            earlier = earlier || (j < k && indices[j] == indices[k]);
            later = later || (j > k && indices[j] == indices[k]);
        }
        bool counts = kept == ALL || (kept == LAST && !later) || (kept == FIRST && !earlier);
        for (size_t j = 0; j < columns && counts; j++) du[k * columns + j] = dz[(size_t)indices[k] * columns + j];
    }
    if (kept == ALL)
        handmade_expect_right(h);
    else
        handmade_expect(h, WG_CAUSE_REPEATED_INDEX, z, updates);
    handmade_free(h);
}

/* y[i][j] = x[indices[i][j]][j], along axis 0. */
static void try_gather(size_t rows, size_t columns, size_t picks, keeps kept)
{
    handmade *h = handmade_new("gather", rows + 7 * (size_t)kept);
    int64_t indices[256];
    for (size_t k = 0; k < picks * columns; k++) indices[k] = (int64_t)((k / columns * (k / columns) + k) % rows);
    const double *c = handmade_random(h, picks * columns, 0.5, 1);
    wg_var x = handmade_variable(h, "X", WG_DIMS(rows, columns), handmade_random(h, rows * columns, -1, 1));
    wg_var index = wg_name(wg_indices(h->tape, WG_DIMS(picks, columns), indices), "I");
    wg_var y = handmade_named("Y", wg_gather(x, index, 0));
    h->loss = handmade_named("L", wg_sum(wg_mul(handmade_constant(h, "C", WG_DIMS(picks, columns), c), y)));
    double *dx = handmade_gradient_of(h, x);
    bool *written = (bool *)handmade_zeros(h, rows * columns);
    for (size_t k = 0; k < picks * columns; k++) {
        size_t at = (size_t)indices[k] * columns + k % columns;
        if (kept == ALL) dx[at] += c[k];
        if (kept == LAST || (kept == FIRST && !written[at])) dx[at] = c[k];
        written[at] = true;
    }
    if (kept == ALL)
        handmade_expect_right(h);
    else
        handmade_expect(h, WG_CAUSE_REPEATED_INDEX, y, x);
    handmade_free(h);
}

static void only_one_of_repeated_indices(void **state)
{
    (void)state;
    for (int kept = ALL; kept <= FIRST; kept++) {
        try_embedding(5, 3, 9, (keeps)kept);
        try_embedding(7, 4, 13, (keeps)kept);
        try_embedding(4, 6, 11, (keeps)kept);
        try_index_add(5, 3, 9, (keeps)kept);
        try_index_add(7, 4, 13, (keeps)kept);
        try_index_add(4, 6, 11, (keeps)kept);
        try_gather(5, 3, 9, (keeps)kept);
        try_gather(7, 4, 7, (keeps)kept);
        try_gather(6, 8, 5, (keeps)kept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_reduction),
        cmocka_unit_test(softmax_by_its_diagonal),
        cmocka_unit_test(what_stands_for_softmax),
        cmocka_unit_test(ignored_positions_count),
        cmocka_unit_test(softmax_inside_attention),
        cmocka_unit_test(only_one_of_repeated_indices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
