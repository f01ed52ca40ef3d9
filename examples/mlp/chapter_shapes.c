/* Shapes: a gradient has the shape of its value, and a sample is a column. With more than one output a second question
 * arises, by what the loss divides, and with it the factor by which a backward pass is most often wrong. */
#include "chapters.h"
#include "random.h"
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FEATURES = 3, HIDDEN = 5, OUTPUTS = 2, SAMPLES = 100 };

/* What the textbook says, in its letters and for these sizes. */
static const struct {
    hand_array which;
    const char *letters;
    wg_shape shape;
} textbook[] = {
    {HAND_X, "(n, m)", {2, {FEATURES, SAMPLES}}},
    {HAND_Y, "(k, m)", {2, {OUTPUTS, SAMPLES}}},
    {HAND_W1, "(h, n)", {2, {HIDDEN, FEATURES}}},
    {HAND_B1, "(h, 1)", {2, {HIDDEN, 1}}},
    {HAND_Z1, "(h, m)", {2, {HIDDEN, SAMPLES}}},
    {HAND_A1, "(h, m)", {2, {HIDDEN, SAMPLES}}},
    {HAND_W2, "(k, h)", {2, {OUTPUTS, HIDDEN}}},
    {HAND_B2, "(k, 1)", {2, {OUTPUTS, 1}}},
    {HAND_Z2, "(k, m)", {2, {OUTPUTS, SAMPLES}}},
    {HAND_A2, "(k, m)", {2, {OUTPUTS, SAMPLES}}},
    {HAND_L, "scalar", {0, {0}}},
};
enum { ROWS = sizeof textbook / sizeof textbook[0] };

static const hand_array gradients[] = {HAND_DA2, HAND_DZ2, HAND_DW2, HAND_DB2, HAND_DA1, HAND_DZ1, HAND_DW1, HAND_DB1};
enum { GRADIENTS = sizeof gradients / sizeof gradients[0] };

typedef struct samples {
    double X[FEATURES * SAMPLES], Y[OUTPUTS * SAMPLES];
} samples;

static const char *shape_text(wg_shape shape, char *text, size_t room)
{
    if (shape.rank == UINT32_MAX) return "(none)";
    size_t length = (size_t)snprintf(text, room, "(");
    for (uint32_t axis = 0; axis < shape.rank && length < room; axis++)
        length += (size_t)snprintf(text + length, room - length, axis > 0 ? ", %zu" : "%zu", shape.dim[axis]);
    if (length < room) snprintf(text + length, room - length, ")");
    return text;
}

static bool same_shape(wg_shape a, wg_shape b)
{
    if (a.rank != b.rank) return false;
    for (uint32_t axis = 0; axis < a.rank; axis++)
        if (a.dim[axis] != b.dim[axis]) return false;
    return true;
}

/* The gradients are recorded on the tape here, by wg_gradients, so that they are values with shapes of their own. */
static bool show_shapes(model *net, const samples *s, tally *t)
{
    pass p;
    if (!model_record(net, &p, s->X, s->Y, SAMPLES, WG_BATCH_MEAN)) return false;
    wg_var value[ROWS], gradient[ROWS];
    for (size_t r = 0; r < ROWS; r++) value[r] = model_var(net, &p, textbook[r].which);
    if (wg_gradients(p.L, value, ROWS, gradient)) return model_failed(net);

    table shown;
    table_start(&shown, "value|textbook|here|on the tape|its gradient|");
    for (size_t r = 0; r < ROWS; r++) {
        char here[32], on_tape[32], of_gradient[32];
        wg_shape v = wg_shape_of(value[r]), g = wg_shape_of(gradient[r]);
        bool good = same_shape(v, textbook[r].shape) && same_shape(g, textbook[r].shape);
        table_row(&shown, "%s|%s|%s|%s|%s|%s", hand_name(textbook[r].which), textbook[r].letters,
            shape_text(textbook[r].shape, here, sizeof here), shape_text(v, on_tape, sizeof on_tape),
            shape_text(g, of_gradient, sizeof of_gradient), agree(t, good ? 0 : NAN, 0));
    }
    table_print(&shown);
    return wg_tape_rewind(net->tape, net->mark) == WG_OK || model_failed(net);
}

/* One reduction against its own formula. The hand's arrays are left as they were found. */
static bool compare_reduction(
    model *net, hand_net *hand, const samples *s, wg_reduction reduction, table *shown, tally *t)
{
    bool over_samples = reduction == WG_BATCH_MEAN;
    pass p;
    if (!model_record(net, &p, s->X, s->Y, SAMPLES, reduction) || !model_backward(net, &p, true)) return false;
    hand->divisor = over_samples ? SAMPLES : OUTPUTS * SAMPLES;
    hand_forward(hand);
    hand_backward(hand);
    double worst = agree_difference(net, &p, hand, HAND_L);
    for (size_t g = 0; g < GRADIENTS; g++) {
        double difference = agree_difference(net, &p, hand, gradients[g]);
        if (!(difference <= worst)) worst = difference;
    }
    table_row(shown, "%s|%.10g|%.10g|%s|%.1e|%s", over_samples ? "WG_BATCH_MEAN" : "WG_MEAN", wg_item(p.L),
        hand_at(hand, HAND_L, 0), over_samples ? "2/m (A2 - Y)" : "2/(k m) (A2 - Y)", worst,
        agree(t, worst, agree_tolerance(wg_tape_dtype(net->tape))));
    return wg_tape_rewind(net->tape, net->mark) == WG_OK || model_failed(net);
}

static double norm_of(const model *net, const pass *p, const hand_net *hand, bool of_tape, hand_array which)
{
    double sum = 0;
    for (size_t i = 0; i < hand_count(hand, which); i++) {
        double v = of_tape ? model_at(net, p, which, i) : hand_at(hand, which, i);
        sum += v * v;
    }
    return sqrt(sum);
}

/* The mistake: the loss is the mean over all elements, the backward pass begins with 2/m. */
static bool show_the_factor(model *net, hand_net *hand, const samples *s, tally *t)
{
    pass p;
    if (!model_record(net, &p, s->X, s->Y, SAMPLES, WG_MEAN) || !model_backward(net, &p, true)) return false;
    hand->divisor = SAMPLES;
    hand_forward(hand);
    hand_backward(hand);
    printf("\nA mean over all k m elements divides by k = %d more than a sum over the m samples\n"
           "does, so a backward pass that begins with 2/m for a loss that is a mean over\n"
           "elements is wrong by just this factor, everywhere:\n\n",
        OUTPUTS);
    table shown;
    table_start(&shown, "|norm by hand, 2/m|norm on the tape, WG_MEAN|ratio|");
    for (size_t g = 0; g < GRADIENTS; g++) {
        double hand_norm = norm_of(net, &p, hand, false, gradients[g]);
        double tape_norm = norm_of(net, &p, hand, true, gradients[g]);
        double found = hand_norm / tape_norm;
        const char *good = agree(t, fabs(found / OUTPUTS - 1), agree_tolerance(wg_tape_dtype(net->tape)));
        table_row(&shown, "%s|%.10g|%.10g|%.10g|%s", hand_name(gradients[g]), hand_norm, tape_norm, found,
            good[0] == 'o' ? "the factor k" : good);
    }
    table_print(&shown);
    return wg_tape_rewind(net->tape, net->mark) == WG_OK || model_failed(net);
}

static bool run(model *net, hand_net *hand, samples *s, const options *o, tally *t)
{
    random_state random = random_start(o->seed, STREAM_SHAPES);
    for (size_t i = 0; i < FEATURES * SAMPLES; i++) s->X[i] = random_normal(&random);
    for (size_t i = 0; i < OUTPUTS * SAMPLES; i++) s->Y[i] = random_unit(&random);
    if (!model_glorot(net, &random)) return false;
    model_give(net, hand);
    for (size_t i = 0; i < FEATURES * SAMPLES; i++) hand_set(hand, HAND_X, i, s->X[i]);
    for (size_t i = 0; i < OUTPUTS * SAMPLES; i++) hand_set(hand, HAND_Y, i, s->Y[i]);

    if (!show_shapes(net, s, t)) return false;
    printf("\nTwo ways to divide the sum of squares, each against its own formula. The\n"
           "difference is the largest norm(tape - hand) / norm(hand) of the loss and all\n"
           "gradients:\n\n");
    table shown;
    table_start(&shown, "reduction|loss, tape|loss, by hand|dA2 by hand|difference|");
    if (!compare_reduction(net, hand, s, WG_BATCH_MEAN, &shown, t) ||
        !compare_reduction(net, hand, s, WG_MEAN, &shown, t))
        return false;
    table_print(&shown);
    return show_the_factor(net, hand, s, t);
}

int chapter_shapes(const options *o, tally *t)
{
    printf("n = %d features, h = %d hidden, k = %d outputs, m = %d samples (columns)\n\n", FEATURES, HIDDEN, OUTPUTS,
        SAMPLES);
    static samples s;
    model net = {0};
    hand_net hand = {0};
    bool good = model_new(&net, o->dtype, FEATURES, HIDDEN, OUTPUTS) &&
                hand_new(&hand, FEATURES, HIDDEN, OUTPUTS, SAMPLES, o->dtype == WG_F32) && run(&net, &hand, &s, o, t);
    hand_free(&hand);
    model_free(&net);
    return good ? CHAPTER_DONE : CHAPTER_FAILED;
}
