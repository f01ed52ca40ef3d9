/* A character-level recurrent net. A gated recurrent unit reads a short text, character by character, and learns to say
 * which comes next; then it is given the first letters and goes on by itself, always taking the likeliest.
 *
 *     h_t = gru(embedding[c_t], h_t-1),   scores_t = h_t V + b,   loss = mean cross-entropy of c_t+1
 *
 * The text is cut into BATCH stretches that are read side by side, all of it in one step. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wengert.h>

static const char text[] =
    "a tape keeps the order of the work. each step writes its value and the names of what it read. when the last "
    "value is known, the tape is read backwards: the last value asks each step how much it gave, and each step asks "
    "those before it. no step is asked twice, and none is forgotten. what arrives at the leaves is the gradient. ";

enum { BATCH = 8, HIDDEN = 48, EMBEDDED = 12, STEPS = 200, GIVEN = 6, MOST_LETTERS = 32, PARAMETERS = 7 };

/* The parameters in the order of the array. */
enum { TABLE, W_IH, W_HH, B_IH, B_HH, V, B };

static char letters[MOST_LETTERS];

/* A letter's place among those seen so far; a new one is added. */
static int64_t index_of(char c)
{
    int64_t i = 0;
    while (letters[i] && letters[i] != c) i++;
    letters[i] = c;
    return i;
}

/* One step of the net: the next state, and the scores of the next character. */
static wg_var advance(const wg_var *p, wg_var characters, wg_var *h)
{
    *h = wg_gru_cell(wg_embedding(p[TABLE], characters), *h, p[W_IH], p[W_HH], p[B_IH], p[B_HH]);
    return wg_add(wg_matmul(*h, p[V]), p[B]);
}

/* The mean loss over a stretch of the text in each row. */
static wg_var record(wg_tape *tape, const wg_var *p, size_t length)
{
    wg_var h = wg_constant(tape, WG_DIMS(BATCH, HIDDEN), (float *)NULL), loss = wg_scalar(tape, 0);
    for (size_t t = 0; t < length; t++) {
        int64_t now[BATCH], next[BATCH];
        for (size_t k = 0; k < BATCH; k++) {
            size_t at = k * length + t;
            now[k] = index_of(text[at]);
            next[k] = index_of(text[at + 1]);
        }
        wg_var scores = advance(p, wg_indices(tape, WG_DIMS(BATCH), now), &h);
        loss = wg_add(loss, wg_cross_entropy(scores, wg_indices(tape, WG_DIMS(BATCH), next), 1, WG_MEAN));
    }
    return wg_div(loss, wg_scalar(tape, (double)length));
}

/* Adam, D. P. Kingma and J. Ba, 2015. */
static void adam(wg_var w, float *m, float *v, int step)
{
    float *value = wg_value_mut(w), first = 1 - powf(0.9f, (float)step), second = 1 - powf(0.99f, (float)step);
    const float *g = wg_grad_f32(w);
    for (size_t i = 0; value && g && i < wg_size(w); i++) {
        m[i] += 0.1f * (g[i] - m[i]);
        v[i] += 0.01f * (g[i] * g[i] - v[i]);
        value[i] -= 0.01f * m[i] / first / (sqrtf(v[i] / second) + 1e-8f);
    }
}

/* Reads the text's first letters, then writes until there are n; returns how many are as in the text. */
static int go_on(wg_tape *tape, const wg_var *p, int n)
{
    wg_mark mark = wg_tape_mark(tape);
    wg_var h = wg_constant(tape, WG_DIMS(1, HIDDEN), (float *)NULL);
    int same = 0;
    char c = text[0];
    for (int t = 0; t < n && !wg_tape_status(tape); t++) {
        putchar(c);
        same += c == text[t];
        wg_var scores = advance(p, wg_indices(tape, WG_DIMS(1), &(int64_t){index_of(c)}), &h);
        const int64_t *best = wg_value_indices(wg_argmax(scores, 1, false));
        c = t + 1 < GIVEN || !best ? text[t + 1] : letters[*best];
    }
    putchar('\n');
    wg_tape_rewind(tape, mark);
    return same;
}

int main(void)
{
    for (const char *c = text; *c; c++) index_of(*c);
    size_t classes = strlen(letters), length = (strlen(text) - 1) / BATCH;
    const wg_shape shape[PARAMETERS] = {WG_DIMS(classes, EMBEDDED), WG_DIMS(3 * HIDDEN, EMBEDDED),
        WG_DIMS(3 * HIDDEN, HIDDEN), WG_DIMS(3 * HIDDEN), WG_DIMS(3 * HIDDEN), WG_DIMS(HIDDEN, classes),
        WG_DIMS(classes)};
    static float m[PARAMETERS][3 * HIDDEN * HIDDEN], v[PARAMETERS][3 * HIDDEN * HIDDEN];
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var p[PARAMETERS], key = wg_indices(tape, WG_SCALAR, &(int64_t){1});
    for (int k = 0; k < PARAMETERS; k++) {
        wg_mark mark = wg_tape_mark(tape);
        float start[3 * HIDDEN * HIDDEN] = {0};
        wg_var drawn = wg_normal(wg_random_fold_in(key, k), shape[k], 0, 0.2);
        if (wg_ok(drawn)) memcpy(start, wg_value_f32(drawn), wg_size(drawn) * sizeof *start);
        wg_tape_rewind(tape, mark);
        p[k] = wg_variable(tape, shape[k], start);
    }
    wg_var loss = record(tape, p, length);
    printf("%zu characters, %zu different ones\n", strlen(text), classes);
    for (int step = 1; step <= STEPS && !wg_tape_status(tape); step++) {
        wg_zero_grad(tape);
        wg_backward(loss);
        for (int k = 0; k < PARAMETERS; k++) adam(p[k], m[k], v[k], step);
        wg_tape_replay(tape);
        if (step % 50 == 0) printf("step %3d: loss %.4f\n", step, wg_item(loss));
    }
    int n = (int)length, same = go_on(tape, p, n);
    double last = wg_item(loss);
    printf("%d of %d characters as in the text\n", same, n);
    if (wg_tape_status(tape)) fprintf(stderr, "%s\n", wg_tape_message(tape));
    bool good = !wg_tape_status(tape) && last < 0.1 && same >= n * 9 / 10;
    wg_tape_free(tape);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
