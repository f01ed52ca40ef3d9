/* A small convolutional net on the digits: 8 x 8 images, 10 classes. The first 1500 rows of the file are trained on, each
 * image moved by up to a pixel anew every time, and with dropout; the last 297 are held out. With this program's seed
 * 98.6 % of those come out right, with four others 97.6 % to 98.0 %.
 *
 *     (N, 1, 8, 8) -conv 3x3-> (N, 32, 8, 8) -conv 3x3-> (N, 48, 8, 8) -max 2x2-> (N, 48, 4, 4) -dense-> (N, 10)
 *
 * A step is recorded once. From then on each sets the images, the labels and the key of the dropout, and replays. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <wengert.h>

#ifndef WENGERT_DATA_DIR
#define WENGERT_DATA_DIR "data"
#endif

enum { ROWS = 1797, HELD_OUT = 297, TRAINING = ROWS - HELD_OUT, BATCH = 50, EPOCHS = 40, PARAMETERS = 6 };

static float image[ROWS][8][8];
static int64_t label[ROWS];

static bool read_digits(const char *path)
{
    FILE *file = fopen(path, "r");
    bool good = file != NULL;
    for (int i = 0; i < ROWS && good; i++) {
        for (int j = 0; j < 64 && good; j++) good = fscanf(file, "%f,", &image[i][j / 8][j % 8]) == 1;
        int digit = 0;
        good = good && fscanf(file, "%d", &digit) == 1;
        label[i] = digit;
    }
    if (file) fclose(file);
    return good;
}

static int random_below(int n)
{
    static unsigned long long state = 5;
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (int)((state >> 33) % (unsigned)n);
}

/* An image, moved by up to a pixel each way. */
static void move(float to[8][8], float from[8][8])
{
    int down = random_below(3) - 1, right = random_below(3) - 1;
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++) {
            int u = y - down, v = x - right;
            to[y][x] = u < 0 || u > 7 || v < 0 || v > 7 ? 0 : from[u][v];
        }
}

/* The scores of N images (0 to 16). p: three weights, each with its bias. key {0}: no dropout. */
static wg_var scores(const wg_var *p, wg_var x, wg_var key)
{
    const wg_conv_options same = {.padding = {1, 1}};
    const wg_pool_options halves = {.kernel = {2, 2}};
    x = wg_div(x, wg_scalar(x.tape, 16));
    x = wg_relu(wg_add(wg_conv2d(x, p[0], &same), p[1]));
    x = wg_relu(wg_add(wg_conv2d(x, p[2], &same), p[3]));
    x = wg_flatten(wg_max_pool2d(x, &halves), 1, -1);
    if (key.tape) x = wg_dropout(x, key, 0.5);
    return wg_add(wg_matmul(x, p[4]), p[5]);
}

/* Adam, D. P. Kingma and J. Ba, 2015. */
static void adam(wg_var w, float *m, float *v, int step, float rate)
{
    float *value = wg_value_mut(w), first = 1 - powf(0.9f, (float)step), second = 1 - powf(0.999f, (float)step);
    const float *g = wg_grad_f32(w);
    for (size_t i = 0; value && g && i < wg_size(w); i++) {
        m[i] += 0.1f * (g[i] - m[i]);
        v[i] += 0.001f * (g[i] * g[i] - v[i]);
        value[i] -= rate * m[i] / first / (sqrtf(v[i] / second) + 1e-8f);
    }
}

int main(void)
{
    static const wg_shape shape[PARAMETERS] = {
        {4, {32, 1, 3, 3}}, {3, {32, 1, 1}}, {4, {48, 32, 3, 3}}, {3, {48, 1, 1}}, {2, {768, 10}}, {1, {10}}};
    static const double fan_in[PARAMETERS] = {9, 0, 288, 0, 768, 0}; /* 0: a bias, that starts with zeros */
    static float batch[BATCH][8][8], m[PARAMETERS][13824], v[PARAMETERS][13824];
    if (!read_digits(WENGERT_DATA_DIR "/digits.csv")) return fprintf(stderr, "cannot read the digits\n"), EXIT_FAILURE;
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var p[PARAMETERS], key = wg_indices(tape, WG_SCALAR, &(int64_t){1});
    for (int k = 0; k < PARAMETERS; k++) {
        p[k] = wg_variable(tape, shape[k], (float *)NULL);
        double scale = fan_in[k] != 0 ? sqrt(2 / fan_in[k]) : 0;
        wg_var start = wg_normal(wg_random_fold_in(key, k), shape[k], 0, scale);
        if (wg_ok(start)) wg_set_value(p[k], wg_value_f32(start));
    }
    wg_var x = wg_constant(tape, WG_DIMS(BATCH, 1, 8, 8), &batch[0][0][0]), y = wg_indices(tape, WG_DIMS(BATCH), NULL);
    wg_var loss = wg_cross_entropy(scores(p, x, key), y, 1, WG_MEAN);

    int order[TRAINING], step = 0;
    for (int i = 0; i < TRAINING; i++) order[i] = i;
    for (int epoch = 1; epoch <= EPOCHS && !wg_tape_status(tape); epoch++) {
        double sum = 0;
        for (int i = TRAINING - 1; i > 0; i--) {
            int j = random_below(i + 1), kept = order[i];
            order[i] = order[j];
            order[j] = kept;
        }
        for (int done = 0; done < TRAINING; done += BATCH) {
            int64_t target[BATCH], number = ++step;
            for (int i = 0; i < BATCH; i++) {
                move(batch[i], image[order[done + i]]);
                target[i] = label[order[done + i]];
            }
            wg_set_value(x, &batch[0][0][0]);
            wg_set_indices(y, target);
            wg_set_indices(key, &number);
            wg_tape_replay(tape);
            wg_zero_grad(tape);
            wg_backward(loss);
            sum += wg_item(loss) * BATCH / TRAINING;
            float rate = 0.005f * (float)(EPOCHS + 1 - epoch) / EPOCHS;
            for (int k = 0; k < PARAMETERS; k++) adam(p[k], m[k], v[k], step, rate);
        }
        if (epoch % 8 == 0) printf("epoch %2d: loss %.4f\n", epoch, sum);
    }

    wg_var held_out = wg_constant(tape, WG_DIMS(HELD_OUT, 1, 8, 8), &image[TRAINING][0][0]);
    const int64_t *guess = wg_value_indices(wg_argmax(scores(p, held_out, (wg_var){0}), 1, false));
    int right = 0;
    for (int i = 0; i < HELD_OUT && guess; i++) right += guess[i] == label[TRAINING + i];
    printf("%d of the last %d right: %.2f %%\n", right, HELD_OUT, 100.0 * right / HELD_OUT);
    if (wg_tape_status(tape)) fprintf(stderr, "%s\n", wg_tape_message(tape));
    bool good = !wg_tape_status(tape) && right >= 0.97 * HELD_OUT;
    wg_tape_free(tape);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
