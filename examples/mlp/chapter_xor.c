/* XOR learned from a random start. It takes a hidden layer, and it takes a start that tells the hidden units apart: from
 * weights that are all nearly zero the units are nearly the same unit, and the net stays where it answers 0.5 to
 * everything. */
#include "chapters.h"
#include "random.h"
#include "table.h"

#include <math.h>
#include <stdio.h>

enum { HIDDEN = 4, STEPS = 3000, SHOWN = 10 };

static const double rate = 5;
static const double X[2 * 4] = {0, 0, 1, 1, 0, 1, 0, 1}; /* the four points, as columns */
static const double Y[4] = {0, 1, 1, 0};

/* Trains and writes down the loss before steps 0, STEPS/SHOWN, ... and after the last. */
static bool train(model *net, double loss[SHOWN + 1])
{
    for (size_t step = 0; step < STEPS; step++) {
        double now;
        if (!model_step(net, X, Y, 4, rate, &now)) return false;
        if (!isfinite(now)) {
            fprintf(stderr, "wengert-mlp: XOR: the loss is not finite (%g) at step %zu; training stops\n", now, step);
            return false;
        }
        if (step % (STEPS / SHOWN) == 0) loss[step / (STEPS / SHOWN)] = now;
    }
    return true;
}

static bool show_points(model *spread, model *small, tally *t)
{
    pass p, q;
    if (!model_record(spread, &p, X, Y, 4, WG_BATCH_MEAN) || !model_record(small, &q, X, Y, 4, WG_BATCH_MEAN))
        return false;
    table shown;
    table_start(&shown, "x|wanted|answer|rounded||answer from 0.01 randn");
    for (size_t j = 0; j < 4; j++) {
        double answer = wg_at(p.A2, j), rounded = answer > 0.5 ? 1 : 0;
        table_row(&shown, "(%g, %g)|%g|%.6f|%g|%s|%.6f", X[j], X[4 + j], Y[j], answer, rounded,
            agree(t, fabs(rounded - Y[j]), 0), wg_at(q.A2, j));
    }
    table_print(&shown);
    return (wg_tape_rewind(spread->tape, spread->mark) == WG_OK || model_failed(spread)) &&
           (wg_tape_rewind(small->tape, small->mark) == WG_OK || model_failed(small));
}

static bool small_start(model *net, random_state *random)
{
    double W1[HIDDEN * 2], W2[HIDDEN];
    for (size_t i = 0; i < HIDDEN * 2; i++) W1[i] = 0.01 * random_normal(random);
    for (size_t i = 0; i < HIDDEN; i++) W2[i] = 0.01 * random_normal(random);
    return model_set(net, W1, NULL, W2, NULL);
}

static bool last_loss(model *net, double *loss)
{
    pass p;
    if (!model_record(net, &p, X, Y, 4, WG_BATCH_MEAN)) return false;
    *loss = wg_item(p.L);
    return wg_tape_rewind(net->tape, net->mark) == WG_OK || model_failed(net);
}

static bool run(model *spread, model *small, uint64_t seed, tally *t)
{
    double spread_loss[SHOWN + 1], small_loss[SHOWN + 1];
    random_state random = random_start(seed, STREAM_XOR);
    if (!model_glorot(spread, &random) || !small_start(small, &random)) return false;
    if (!train(spread, spread_loss) || !train(small, small_loss)) return false;
    if (!last_loss(spread, &spread_loss[SHOWN]) || !last_loss(small, &small_loss[SHOWN])) return false;

    table shown;
    table_start(&shown, "step|loss, Glorot's start|loss, start at 0.01 randn");
    for (size_t i = 0; i <= SHOWN; i++)
        table_row(&shown, "%zu|%.6f|%.6f", i * (STEPS / SHOWN), spread_loss[i], small_loss[i]);
    printf("Glorot's start draws W uniformly from +-sqrt(6 / (inputs + outputs)). From 0.01\n"
           "times normal numbers the hidden units begin as nearly one and the same, and the\n"
           "net does not leave the place where it answers the same to everything:\n\n");
    table_print(&shown);
    printf("\nWhat they have learned:\n\n");
    return show_points(spread, small, t);
}

int chapter_xor(const options *o, tally *t)
{
    printf("2 inputs, %d hidden, 1 output, all four points in each step, rate %g, seed %llu\n\n", HIDDEN, rate,
        (unsigned long long)o->seed);
    model spread = {0}, small = {0};
    bool good = model_new(&spread, o->dtype, 2, HIDDEN, 1) && model_new(&small, o->dtype, 2, HIDDEN, 1) &&
                run(&spread, &small, o->seed, t);
    model_free(&small);
    model_free(&spread);
    return good ? CHAPTER_DONE : CHAPTER_FAILED;
}
