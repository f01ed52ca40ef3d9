/* The arithmetic of hand.c, read twice by it: once with REAL double and FN(x) x_f64, once with float and x_f32. A sum is
 * carried in double for both, so that the float arrays are as exact as float arrays can be. */

/* 1 / (1 + e^-x), written so that the exponential never overflows: e^-|x| is at most 1. */
REAL FN(hand_sigmoid)(REAL x)
{
    double e = exp(-fabs((double)x));
    return (REAL)(x >= 0 ? 1 / (1 + e) : e / (1 + e));
}

/* C (rows, columns) = A (rows, inner) B (inner, columns) */
void FN(hand_mul)(REAL *C, const REAL *A, const REAL *B, size_t rows, size_t inner, size_t columns)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            double sum = 0;
            for (size_t l = 0; l < inner; l++) sum += (double)A[i * inner + l] * (double)B[l * columns + j];
            C[i * columns + j] = (REAL)sum;
        }
}

/* C (rows, columns) = A^T B, A (inner, rows), B (inner, columns) */
void FN(hand_mul_at)(REAL *C, const REAL *A, const REAL *B, size_t rows, size_t inner, size_t columns)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            double sum = 0;
            for (size_t l = 0; l < inner; l++) sum += (double)A[l * rows + i] * (double)B[l * columns + j];
            C[i * columns + j] = (REAL)sum;
        }
}

/* C (rows, columns) = A B^T, A (rows, inner), B (columns, inner) */
void FN(hand_mul_bt)(REAL *C, const REAL *A, const REAL *B, size_t rows, size_t inner, size_t columns)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            double sum = 0;
            for (size_t l = 0; l < inner; l++) sum += (double)A[i * inner + l] * (double)B[j * inner + l];
            C[i * columns + j] = (REAL)sum;
        }
}

/* Z (rows, m) += b (rows, 1), the bias to every column, then A = sigmoid(Z). */
static void FN(bias_and_sigmoid)(REAL *Z, REAL *A, const REAL *b, size_t rows, size_t m)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < m; j++) {
            Z[i * m + j] += b[i];
            A[i * m + j] = FN(hand_sigmoid)(Z[i * m + j]);
        }
}

/* dZ = dA * A (1 - A): the sigmoid's derivative, told from its own output. */
static void FN(through_sigmoid)(REAL *dZ, const REAL *dA, const REAL *A, size_t count)
{
    for (size_t i = 0; i < count; i++) dZ[i] = dA[i] * A[i] * (1 - A[i]);
}

/* db (rows, 1) = the sum of each row of dZ (rows, m): the bias went to every column, so every column comes back. */
static void FN(row_sums)(REAL *db, const REAL *dZ, size_t rows, size_t m)
{
    for (size_t i = 0; i < rows; i++) {
        double sum = 0;
        for (size_t j = 0; j < m; j++) sum += (double)dZ[i * m + j];
        db[i] = (REAL)sum;
    }
}

static void FN(forward)(hand_net *net)
{
    size_t n = net->n, h = net->h, k = net->k, m = net->m;
    const REAL *X = net->array[HAND_X], *Y = net->array[HAND_Y];
    const REAL *W1 = net->array[HAND_W1], *b1 = net->array[HAND_B1];
    const REAL *W2 = net->array[HAND_W2], *b2 = net->array[HAND_B2];
    REAL *Z1 = net->array[HAND_Z1], *A1 = net->array[HAND_A1], *Z2 = net->array[HAND_Z2], *A2 = net->array[HAND_A2];
    REAL *L = net->array[HAND_L];

    FN(hand_mul)(Z1, W1, X, h, n, m);       /* Z1 = W1 X + b1 */
    FN(bias_and_sigmoid)(Z1, A1, b1, h, m); /* A1 = sigmoid(Z1) */
    FN(hand_mul)(Z2, W2, A1, k, h, m);      /* Z2 = W2 A1 + b2 */
    FN(bias_and_sigmoid)(Z2, A2, b2, k, m); /* A2 = sigmoid(Z2) */
    double sum = 0;                         /* L = sum (A2 - Y)^2 / divisor */
    for (size_t i = 0; i < k * m; i++) sum += ((double)A2[i] - (double)Y[i]) * ((double)A2[i] - (double)Y[i]);
    *L = (REAL)(sum / net->divisor);
}

static void FN(backward)(hand_net *net)
{
    size_t n = net->n, h = net->h, k = net->k, m = net->m;
    const REAL *X = net->array[HAND_X], *Y = net->array[HAND_Y], *W2 = net->array[HAND_W2];
    const REAL *A1 = net->array[HAND_A1], *A2 = net->array[HAND_A2];
    REAL *dA2 = net->array[HAND_DA2], *dZ2 = net->array[HAND_DZ2], *dW2 = net->array[HAND_DW2];
    REAL *db2 = net->array[HAND_DB2], *dA1 = net->array[HAND_DA1], *dZ1 = net->array[HAND_DZ1];
    REAL *dW1 = net->array[HAND_DW1], *db1 = net->array[HAND_DB1];

    REAL scale = (REAL)(2 / net->divisor);
    for (size_t i = 0; i < k * m; i++) dA2[i] = scale * (A2[i] - Y[i]); /* (1) dA2 = 2/m (A2 - Y) */
    FN(through_sigmoid)(dZ2, dA2, A2, k * m);                           /* (2) dZ2 = dA2 * A2 (1 - A2) */
    FN(hand_mul_bt)(dW2, dZ2, A1, k, m, h);                             /* (3) dW2 = dZ2 A1^T */
    FN(row_sums)(db2, dZ2, k, m);                                       /* (4) db2 = row sums of dZ2 */
    FN(hand_mul_at)(dA1, W2, dZ2, h, k, m);                             /* (5) dA1 = W2^T dZ2 */
    FN(through_sigmoid)(dZ1, dA1, A1, h * m);                           /* (6) dZ1 = dA1 * A1 (1 - A1) */
    FN(hand_mul_bt)(dW1, dZ1, X, h, m, n);                              /* (7) dW1 = dZ1 X^T */
    FN(row_sums)(db1, dZ1, h, m);                                       /* (8) db1 = row sums of dZ1 */
}

static void FN(descend)(REAL *value, const REAL *gradient, size_t count, double rate)
{
    for (size_t i = 0; i < count; i++) value[i] -= (REAL)rate * gradient[i];
}
