/* A convolution, the largest of each window, relu, the mean of what remains of each channel, and a linear layer:
 *
 *     Z = conv2d(X, K) + b, M = max_pool2d(Z, 2), A = relu(M), F = mean(A), S = F V + c, L = mse(S, Y)
 *
 * X is (n, ci, h, w), K (co, ci, kh, kw). */
#include "suite.h"

#include <math.h>

enum { X, K, B, Z, M, A, F, T, C, S, Y }; /* T: the weight V */

enum {
    NONE,
    DS_SUM,
    DV_OF_S,
    DA_WITHOUT_COUNT,
    DM_BARE,
    DZ_ALL_OF_WINDOW,
    DZ_AVERAGE,
    DZ_SMALLEST,
    DK_FIRST_IMAGE,
    DK_FLIPPED,
    DK_OF_RELU,
    DB_OF_PLACES,
    DB_OF_IMAGES,
    DB_MEAN,
    DB_FIRST_IMAGE,
    DX_FLIPPED,
    DX_KERNEL_UPDATED,
    DX_LAST_TAP_LEFT_OUT,
    DF_V_AS_IT_LIES
};

typedef struct extents {
    size_t n, ci, h, w, co, kh, kw, q; /* q: the results */
    size_t zh, zw, mh, mw;             /* after the convolution, after the pool */
} extents;

static extents of(const suite *s)
{
    const size_t *n = s->size;
    extents e = {n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[2] - n[5] + 1, n[3] - n[6] + 1, 0, 0};
    e.mh = e.zh / 2;
    e.mw = e.zw / 2;
    return e;
}

static void declare(suite *s)
{
    extents e = of(s);
    suite_declare(s, X, "X", SUITE_VARIABLE, WG_DIMS(e.n, e.ci, e.h, e.w), 1);
    suite_declare(s, K, "K", SUITE_VARIABLE, WG_DIMS(e.co, e.ci, e.kh, e.kw), 0.5);
    suite_declare(s, B, "b", SUITE_VARIABLE, WG_DIMS(e.co, 1, 1), 0.5);
    suite_declare(s, Z, "Z", SUITE_STEP, WG_DIMS(e.n, e.co, e.zh, e.zw), 0);
    suite_declare(s, M, "M", SUITE_STEP, WG_DIMS(e.n, e.co, e.mh, e.mw), 0);
    suite_declare(s, A, "A", SUITE_STEP, WG_DIMS(e.n, e.co, e.mh, e.mw), 0);
    suite_declare(s, F, "F", SUITE_STEP, WG_DIMS(e.n, e.co), 0);
    suite_declare(s, T, "V", SUITE_VARIABLE, WG_DIMS(e.co, e.q), 0.8);
    suite_declare(s, C, "c", SUITE_VARIABLE, WG_DIMS(e.q), 0.5);
    suite_declare(s, S, "S", SUITE_STEP, WG_DIMS(e.n, e.q), 0);
    suite_declare(s, Y, "Y", SUITE_DATA, WG_DIMS(e.n, e.q), 1);
}

/* ---- forward ---------------------------------------------------------------------------------------------------------------- */

/* Where elements lie. */
static size_t x_at(const extents *e, size_t n, size_t c, size_t i, size_t j)
{
    return ((n * e->ci + c) * e->h + i) * e->w + j;
}
static size_t k_at(const extents *e, size_t o, size_t c, size_t a, size_t b)
{
    return ((o * e->ci + c) * e->kh + a) * e->kw + b;
}
static size_t z_at(const extents *e, size_t n, size_t o, size_t i, size_t j)
{
    return ((n * e->co + o) * e->zh + i) * e->zw + j;
}
static size_t m_at(const extents *e, size_t n, size_t o, size_t i, size_t j)
{
    return ((n * e->co + o) * e->mh + i) * e->mw + j;
}

static double convolve_at(const suite *s, const extents *e, size_t n, size_t o, size_t i, size_t j)
{
    double sum = V(B)[o];
    EACH(c, e->ci)
    EACH(a, e->kh) EACH(b, e->kw) sum += V(X)[x_at(e, n, c, i + a, j + b)] * V(K)[k_at(e, o, c, a, b)];
    return sum;
}

/* The place in Z of the largest, or smallest, of a window of two by two. */
static size_t picked(const suite *s, const extents *e, size_t n, size_t o, size_t i, size_t j, bool smallest)
{
    size_t best = z_at(e, n, o, 2 * i, 2 * j);
    EACH(k, 4)
    {
        size_t at = z_at(e, n, o, 2 * i + k / 2, 2 * j + k % 2);
        if (smallest ? V(Z)[at] < V(Z)[best] : V(Z)[at] > V(Z)[best]) best = at;
    }
    return best;
}

static void run(suite *s)
{
    extents e = of(s);
    EACH(n, e.n)
    EACH(o, e.co) EACH(i, e.zh) EACH(j, e.zw) V(Z)[z_at(&e, n, o, i, j)] = convolve_at(s, &e, n, o, i, j);
    suite_value(s, Z);
    EACH(n, e.n)
    EACH(o, e.co)
    {
        double sum = 0;
        EACH(i, e.mh)
        EACH(j, e.mw)
        {
            double largest = V(Z)[picked(s, &e, n, o, i, j, false)];
            V(M)[m_at(&e, n, o, i, j)] = largest;
            sum += V(A)[m_at(&e, n, o, i, j)] = largest > 0 ? largest : 0;
        }
        V(F)[n * e.co + o] = sum / (double)(e.mh * e.mw);
    }
    suite_value(s, F);
    suite_multiply(V(S), e.n, e.q, e.co, V(F), AS_IT_IS, V(T), AS_IT_IS);
    EACH(n, e.n) EACH(j, e.q) V(S)[n * e.q + j] += V(C)[j];
    suite_value(s, S);
}

static wg_var record(suite *s)
{
    wg_var x = suite_leaf(s, X), k = suite_leaf(s, K), b = suite_leaf(s, B), v = suite_leaf(s, T), c = suite_leaf(s, C),
           y = suite_leaf(s, Y);
    wg_var z = suite_step(s, Z, wg_add(wg_conv2d(x, k, NULL), b));
    wg_var m = suite_step(s, M, wg_max_pool2d(z, &(wg_pool_options){.kernel = {2, 2}}));
    wg_var a = suite_step(s, A, wg_relu(m));
    wg_var f = suite_step(s, F, wg_mean_axes(a, WG_AXES(2, 3), false));
    wg_var result = suite_step(s, S, wg_add(wg_matmul(f, v), c));
    return wg_mse(result, y, WG_MEAN);
}

/* ---- backward --------------------------------------------------------------------------------------------------------------- */

/* dS = 2/(n q) (S - Y), dV = F^T dS, dc = column sums of dS, dF = dS V^T */
static void through_linear(suite *s, const extents *e)
{
    double scale = MADE(DS_SUM) ? 2 : 2 / (double)(e->n * e->q);
    EACH(i, e->n * e->q) D(S)[i] = scale * (V(S)[i] - V(Y)[i]);
    suite_done(s, S);
    suite_multiply(D(T), e->co, e->q, e->n, V(F), TRANSPOSE, MADE(DV_OF_S) ? V(S) : D(S), AS_IT_IS);
    suite_done(s, T);
    suite_sum_columns(D(C), D(S), e->n, e->q);
    suite_done(s, C);
    suite_multiply(D(F), e->n, e->co, e->q, D(S), AS_IT_IS, V(T), MADE(DF_V_AS_IT_LIES) ? AS_IT_IS : TRANSPOSE);
    suite_done(s, F);
}

/* dA = dF / (mh mw), dM = dA where M > 0, dZ = dM at the largest of each window */
static void through_pool(suite *s, const extents *e)
{
    size_t window = e->mh * e->mw;
    EACH(i, e->n * e->co * window) D(A)[i] = D(F)[i / window] / (MADE(DA_WITHOUT_COUNT) ? 1 : (double)window);
    suite_done(s, A);
    EACH(i, e->n * e->co * window) D(M)[i] = MADE(DM_BARE) || V(M)[i] > 0 ? D(A)[i] : 0;
    suite_done(s, M);
    EACH(i, e->n * e->co * e->zh * e->zw) D(Z)[i] = 0;
    EACH(n, e->n)
    EACH(o, e->co)
    EACH(i, e->mh)
    EACH(j, e->mw)
    {
        double g = D(M)[m_at(e, n, o, i, j)];
        if (MADE(DZ_ALL_OF_WINDOW) || MADE(DZ_AVERAGE))
            EACH(k, 4) D(Z)[z_at(e, n, o, 2 * i + k / 2, 2 * j + k % 2)] = MADE(DZ_AVERAGE) ? g / 4 : g;
        else
            D(Z)[picked(s, e, n, o, i, j, MADE(DZ_SMALLEST))] = g;
    }
    suite_done(s, Z);
}

/* dK: each tap meets the x that it met, over all images and places */
static void kernel(suite *s, const extents *e)
{
    size_t images = MADE(DK_FIRST_IMAGE) ? 1 : e->n;
    EACH(o, e->co)
    EACH(c, e->ci)
    EACH(a, e->kh)
    EACH(b, e->kw)
    {
        double sum = 0;
        for (size_t n = 0; n < images; n++)
            EACH(i, e->zh) EACH(j, e->zw) sum += D(Z)[z_at(e, n, o, i, j)] * V(X)[x_at(e, n, c, i + a, j + b)];
        D(K)[MADE(DK_FLIPPED) ? k_at(e, o, c, e->kh - 1 - a, e->kw - 1 - b) : k_at(e, o, c, a, b)] = sum;
    }
    suite_done(s, K);
}

/* db: the sums over images and places */
static void bias(suite *s, const extents *e)
{
    size_t places = e->zh * e->zw, images = MADE(DB_FIRST_IMAGE) ? 1 : e->n;
    double count = MADE(DB_MEAN) ? (double)(e->n * places) : 1;
    EACH(i, e->co * places) D(B)[i] = 0;
    for (size_t n = 0; n < images; n++) EACH(o, e->co) EACH(p, places)
        {
            double g = D(Z)[(n * e->co + o) * places + p];
            if (MADE(DB_OF_PLACES))
                D(B)[o * places + p] += g;
            else if (MADE(DB_OF_IMAGES))
                D(B)[n * e->co + o] = p == 0 ? g : D(B)[n * e->co + o] + g;
            else
                D(B)[o] += g / count;
        }
    if (MADE(DB_OF_PLACES)) SHAPE(B) = WG_DIMS(e->co, e->zh, e->zw);
    if (MADE(DB_OF_IMAGES)) SHAPE(B) = WG_DIMS(e->n, e->co, 1, 1);
    suite_done(s, B);
}

/* dX: each dZ goes back through every tap to the x that it met */
static void image(suite *s, const extents *e)
{
    double step = MADE(DX_KERNEL_UPDATED) ? 0.4 : 0;
    EACH(i, e->n * e->ci * e->h * e->w) D(X)[i] = 0;
    EACH(n, e->n)
    EACH(o, e->co)
    EACH(c, e->ci)
    EACH(i, e->zh)
    EACH(j, e->zw)
    EACH(a, e->kh) EACH(b, MADE(DX_LAST_TAP_LEFT_OUT) ? e->kw - 1 : e->kw)
    {
        size_t tap = MADE(DX_FLIPPED) ? k_at(e, o, c, e->kh - 1 - a, e->kw - 1 - b) : k_at(e, o, c, a, b);
        D(X)[x_at(e, n, c, i + a, j + b)] += D(Z)[z_at(e, n, o, i, j)] * (V(K)[tap] - step * D(K)[tap]);
    }
    suite_done(s, X);
}

static void backward(suite *s)
{
    extents e = of(s);
    through_linear(s, &e);
    through_pool(s, &e);
    kernel(s, &e);
    bias(s, &e);
    image(s, &e);
}

/* ---- mistakes --------------------------------------------------------------------------------------------------------------- */

static const suite_mistake mistakes[] = {
    MISTAKE(DS_SUM, S, REDUCTION, OR(FACTOR), "2 (S - Y), the sum instead of the mean"),
    MISTAKE(DV_OF_S, T, WRONG_OPERAND, 0, "dV = F^T S, S for dS"),
    MISTAKE(DF_V_AS_IT_LIES, F, WEIGHT_NOT_TRANSPOSED, OR(TRANSPOSED), "dF = dS V, V read as it lies"),
    MISTAKE(DA_WITHOUT_COUNT, A, FACTOR, OR(REDUCTION), "dA = dF, the mean's 1/(mh mw) forgotten"),
    MISTAKE(DM_BARE, M, ACTIVATION_MISSING, 0, "dM = dA, relu's mask forgotten"),
    MISTAKE(DZ_ALL_OF_WINDOW, Z, UNKNOWN, OR(ACTIVATION_MISSING), "dZ = dM all over the window"),
    MISTAKE(DZ_AVERAGE, Z, UNKNOWN, OR(ACTIVATION_OF_ANOTHER), "dZ = dM / 4 all over the window, the average's"),
    MISTAKE(DZ_SMALLEST, Z, UNKNOWN, OR(ACTIVATION_OF_ANOTHER), "dZ = dM at the smallest of the window"),
    MISTAKE(DK_FIRST_IMAGE, K, BATCH_PARTIAL, 0, "dK of the first image alone"),
    MISTAKE(DK_FLIPPED, K, REVERSED, 0, "dK turned by half a turn"),
    MISTAKE(SUITE_PERMUTED, K, PERMUTED, OR(TRANSPOSED), "dK as (ci,co,kh,kw)"),
    MISTAKE(SUITE_PERMUTED_INTO, K, PERMUTED, OR(TRANSPOSED), "dK written as (ci,co,kh,kw)"),
    MISTAKE(SUITE_TRANSPOSED, K, PERMUTED, OR(TRANSPOSED), "dK as (co,ci,kw,kh)"),
    MISTAKE(DB_OF_PLACES, B, BIAS_NOT_REDUCED, 0, "db summed over images alone, (co,zh,zw)"),
    MISTAKE(DB_OF_IMAGES, B, BIAS_NOT_REDUCED, 0, "db summed over places alone, (n,co,1,1)"),
    MISTAKE(DB_MEAN, B, BIAS_AVERAGED, OR(FACTOR), "db = the mean over images and places"),
    MISTAKE(DB_FIRST_IMAGE, B, BIAS_ONE_SAMPLE, OR(BATCH_PARTIAL), "db = the first image's"),
    MISTAKE(DX_FLIPPED, X, REVERSED, OR(WEIGHT_NOT_TRANSPOSED), "dX through the kernel turned by half a turn"),
    MISTAKE(DX_KERNEL_UPDATED, X, STALE_VALUE, 0, "dX with K already updated, step 0.4"),
    MISTAKE(DX_LAST_TAP_LEFT_OUT, X, UNKNOWN, OR(UNWRITTEN), "dX without the last column of taps"),
    MISTAKE(SUITE_FIRST_ROW_ONLY, X, BATCH_PARTIAL, OR(UNWRITTEN), "dX of the first image alone"),
    MISTAKE(SUITE_COLUMNS_MOVED, X, SHIFTED, 0, "dX written a column too near"),
    MISTAKE(SUITE_COLUMNS_REVERSED, X, REVERSED, 0, "dX mirrored"),
    MISTAKE(SUITE_LAST_ROW_ZERO, K, UNWRITTEN, 0, "dK's last channel never written"),
    SCALED(-1, 0, K, SIGN, OR(FACTOR), "dK of the other sign"),
    MISTAKE(SUITE_MIXED, Z, UNKNOWN, 0, "dZ with a tenth of noise"),
};

const suite_forward suite_conv = {.name = "convolution",
    .text = "A = relu(max_pool2d(conv2d(X, K) + b, 2)); mse(mean(A, [2, 3]) @ V + c, Y, mean)",
    .sizes = {{4, 3, 6, 7, 5, 3, 2, 3}, {3, 4, 7, 5, 6, 2, 3, 5}, {5, 3, 9, 8, 4, 3, 4, 6}},
    .declare = declare,
    .run = run,
    .backward = backward,
    .record = record,
    .mistakes = mistakes,
    .mistakes_count = sizeof mistakes / sizeof *mistakes};
