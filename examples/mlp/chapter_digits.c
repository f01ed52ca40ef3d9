/* Handwritten digits, learned by the same two layers. Before the first step, midway and at the end every gradient over the
 * whole training set is held against the one derived by hand. Two ways to hold rows out are told apart, because one is
 * kinder than the other. */
#include "chapters.h"
#include "digits.h"
#include "progress.h"
#include "svg.h"
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The accuracy that the chapter promises on rows drawn at random, with its own settings. */
static const double promised = 0.96;

/* One training: its net, its samples as blocks of columns, and what it writes down. */
typedef struct training {
    const options *o;
    const digits *d;
    model net;
    hand_net hand; /* sized for the whole training set; used when `table` is set */
    block batch, all, held_out;
    random_state shuffle;
    size_t *order;      /* the training rows, in this epoch's order */
    double *history[3]; /* training loss, held-out loss, accuracy, by epoch */
    table *shown;       /* the comparisons; NULL: none are made */
    tally *t;
} training;

static bool compare(training *run, const char *when)
{
    static const hand_array parameters[] = {HAND_DW1, HAND_DB1, HAND_DW2, HAND_DB2};
    pass p;
    if (run->shown == NULL) return true;
    if (!model_record(&run->net, &p, run->all.X, run->all.Y, run->all.count, WG_BATCH_MEAN) ||
        !model_backward(&run->net, &p, false))
        return false;
    model_give(&run->net, &run->hand);
    hand_forward(&run->hand);
    hand_backward(&run->hand);
    double tolerance = agree_tolerance(run->o->dtype);
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
        hand_array which = parameters[i];
        double difference = agree_difference(&run->net, &p, &run->hand, which);
        table_row(run->shown, "%s|%s|(%zu, %zu)|%.2e|%.0e|%s", i == 0 ? when : "", hand_name(which),
            hand_rows(&run->hand, which), hand_columns(&run->hand, which), difference, tolerance,
            agree(run->t, difference, tolerance));
    }
    return wg_tape_rewind(run->net.tape, run->net.mark) == WG_OK || model_failed(&run->net);
}

/* The loss and the share of right answers on the held-out rows. The answer is the output with the greatest value. */
static bool judge(training *run, double *loss, double *accuracy)
{
    pass p;
    size_t m = run->held_out.count, right = 0;
    if (!model_record(&run->net, &p, run->held_out.X, run->held_out.Y, m, WG_BATCH_MEAN)) return false;
    for (size_t j = 0; j < m; j++) {
        size_t answer = 0;
        for (size_t i = 1; i < run->net.k; i++)
            if (wg_at(p.A2, i * m + j) > wg_at(p.A2, answer * m + j)) answer = i;
        if (run->held_out.Y[answer * m + j] == 1) right++;
    }
    *loss = wg_item(p.L);
    *accuracy = (double)right / (double)m;
    return wg_tape_rewind(run->net.tape, run->net.mark) == WG_OK || model_failed(&run->net);
}

/* One pass over the training rows in a new order, in mini-batches; the last may be smaller. */
static bool train_epoch(training *run, const progress *shown, size_t epoch, double *mean_loss)
{
    size_t rows = run->d->training;
    double sum = 0;
    random_shuffle(&run->shuffle, run->order, rows);
    for (size_t first = 0; first < rows; first += run->batch.count) {
        double loss;
        size_t count = rows - first < run->o->batch ? rows - first : run->o->batch;
        block_fill(&run->batch, run->d, run->order + first, count);
        if (!model_step(&run->net, run->batch.X, run->batch.Y, count, run->o->rate, &loss)) return false;
        if (!isfinite(loss)) {
            progress_interrupt(shown);
            fprintf(stderr,
                "wengert-mlp: the loss is not finite (%g) in epoch %zu, step %zu; training stops. "
                "A smaller --rate than %g may help.\n",
                loss, epoch, first / run->o->batch + 1, run->o->rate);
            return false;
        }
        sum += loss * (double)count;
    }
    *mean_loss = sum / (double)rows;
    return true;
}

static bool train(training *run)
{
    progress shown;
    size_t epochs = run->o->epochs;
    if (!compare(run, "before")) return false;
    progress_start(&shown, epochs);
    for (size_t epoch = 1; epoch <= epochs; epoch++) {
        double *loss = &run->history[0][epoch - 1], *held_out = &run->history[1][epoch - 1];
        double *accuracy = &run->history[2][epoch - 1];
        if (!train_epoch(run, &shown, epoch, loss) || !judge(run, held_out, accuracy)) return false;
        progress_show(&shown, epoch, *loss, *accuracy);
        if (epoch == (epochs + 1) / 2 && !compare(run, "midway")) return false;
    }
    return compare(run, "at the end");
}

/* Builds everything for one training, runs it, and takes it down again. */
static bool run_training(const options *o, const digits *d, double *const history[3], table *shown, tally *t)
{
    training run = {.o = o, .d = d, .shown = shown, .t = t, .history = {history[0], history[1], history[2]}};
    size_t most = o->batch < d->training ? o->batch : d->training;
    random_state weights = random_start(o->seed, STREAM_DIGITS_WEIGHTS);
    run.shuffle = random_start(o->seed, STREAM_DIGITS_SHUFFLE);
    run.order = calloc(d->training, sizeof *run.order);
    if (run.order == NULL) fprintf(stderr, "wengert-mlp: out of memory\n");
    bool good = run.order != NULL && block_new(&run.batch, d, most) && block_new(&run.all, d, d->training) &&
                block_new(&run.held_out, d, d->held_out) &&
                model_new(&run.net, o->dtype, d->data.features, o->hidden, d->classes) &&
                model_glorot(&run.net, &weights);
    if (good && shown != NULL)
        good = hand_new(&run.hand, d->data.features, o->hidden, d->classes, d->training, o->dtype == WG_F32);
    if (good) {
        for (size_t i = 0; i < d->training; i++) run.order[i] = d->order[i];
        block_fill(&run.all, d, d->order, d->training);
        block_fill(&run.held_out, d, d->order + d->training, d->held_out);
        for (size_t i = 0; shown != NULL && i < d->data.features * d->training; i++)
            hand_set(&run.hand, HAND_X, i, run.all.X[i]);
        for (size_t i = 0; shown != NULL && i < d->classes * d->training; i++)
            hand_set(&run.hand, HAND_Y, i, run.all.Y[i]);
        good = train(&run);
    }
    hand_free(&run.hand);
    model_free(&run.net);
    block_free(&run.held_out);
    block_free(&run.all);
    block_free(&run.batch);
    free(run.order);
    return good;
}

static bool draw_curves(const options *o, const digits *d, double *const random[3], double *const last[3])
{
    char title[96], subtitle[160], drawn[64], end[64];
    snprintf(title, sizeof title, "A %zu-%zu-%zu sigmoid net learns %s", d->data.features, o->hidden, d->classes,
        o->csv == NULL ? "handwritten digits" : "from a file");
    snprintf(subtitle, sizeof subtitle, "%zu rows for training, %zu held out; rate %g, batches of %zu, seed %llu, %s",
        d->training, d->held_out, o->rate, o->batch, (unsigned long long)o->seed, o->dtype == WG_F64 ? "F64" : "F32");
    snprintf(drawn, sizeof drawn, "%zu rows drawn at random", d->held_out);
    snprintf(end, sizeof end, "the last %zu rows of the file", d->held_out);
    svg_run runs[] = {
        {drawn, o->epochs, random[0], random[1], random[2]},
        {end, o->epochs, last[0], last[1], last[2]},
    };
    return svg_write(o->svg, title, subtitle, runs, sizeof runs / sizeof runs[0]);
}

static bool run(const options *o, digits *d, double *history, tally *t)
{
    double *random_history[3], *last_history[3];
    for (size_t i = 0; i < 3; i++) {
        random_history[i] = history + i * o->epochs;
        last_history[i] = history + (3 + i) * o->epochs;
    }
    size_t last = o->epochs - 1;

    random_state held_out = random_start(1964, STREAM_DIGITS_HELD_OUT); /* always the same rows, whatever --seed */
    digits_hold_out_random(d, &held_out);
    printf("%zu rows drawn at random are held out, %zu are trained on:\n", d->held_out, d->training);
    table shown;
    table_start(&shown, "|gradient|shape|difference|allowed|");
    if (!run_training(o, d, random_history, &shown, t)) return false;
    printf("\nEach gradient over all %zu training rows beside the one derived by hand,\n"
           "norm(tape - hand) / norm(hand):\n\n",
        d->training);
    table_print(&shown);

    digits_hold_out_last(d);
    printf("\nThe harder split, the file's last %zu rows held out%s:\n", d->held_out,
        o->csv == NULL ? ", written by others" : "");
    if (!run_training(o, d, last_history, NULL, t)) return false;

    double accuracy = random_history[2][last];
    printf("\nAccuracy on held-out rows: %.2f %% drawn at random, %.2f %% at the file's end.", 100 * accuracy,
        100 * last_history[2][last]);
    if (o->own_digits)
        printf("\nPromised: at least %g %% on the first: %s.", 100 * promised, agree(t, promised - accuracy, 0));
    printf("\n");
    if (!draw_curves(o, d, random_history, last_history)) return false;
    printf("The curves are in %s.\n", o->svg);
    return true;
}

int chapter_digits(const options *o, tally *t)
{
    digits d;
    if (!digits_read(&d, o->csv, o->classes, o->scale)) return CHAPTER_BAD_INPUT;
    printf("A %zu-%zu-%zu sigmoid net, rate %g, batches of %zu, %zu epochs, seed %llu\n\n", d.data.features, o->hidden,
        d.classes, o->rate, o->batch, o->epochs, (unsigned long long)o->seed);
    double *history = calloc(6 * o->epochs, sizeof *history);
    if (history == NULL) fprintf(stderr, "wengert-mlp: out of memory\n");
    bool good = history != NULL && run(o, &d, history, t);
    free(history);
    digits_free(&d);
    return good ? CHAPTER_DONE : CHAPTER_FAILED;
}
