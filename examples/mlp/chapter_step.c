/* One step of gradient descent on XOR, small enough to follow on paper: two inputs, two hidden units, one output, the
 * single sample x = (0, 1) with y = 1. Every number is shown three times: as the tape finds it, as the formulas derived
 * by hand give it, and as it is. */
#include "chapters.h"
#include "table.h"

#include <math.h>
#include <stdio.h>

static const double W1[] = {0.5, 0.3, 0.2, 0.4}, b1[] = {0.1, 0.2}, W2[] = {0.6, 0.7}, b2[] = {0.3};
static const double x[] = {0, 1}, y[] = {1}, rate = 0.5;

/* The right values, from 50-digit arithmetic; its gradients were checked there against differences of the loss. */
typedef struct right_values {
    hand_array which;
    double value[4];
} right_values;

static const right_values right_gradients[] = {
    {HAND_Z1, {0.4, 0.6}},
    {HAND_A1, {0.59868766011245200, 0.64565630622579545}},
    {HAND_Z2, {1.1111720104255280}},
    {HAND_A2, {0.75234754583917558}},
    {HAND_L, {0.061331738051879242}},
    {HAND_DA2, {-0.49530490832164885}},
    {HAND_DZ2, {-0.092285565210765054}},
    {HAND_DW2, {-0.055250229098188033, -0.059584757151942337}},
    {HAND_DB2, {-0.092285565210765054}},
    {HAND_DA1, {-0.055371339126459032, -0.064599895647535538}},
    {HAND_DZ1, {-0.013303559231230158, -0.014779438059300740}},
    {HAND_DW1, {0, -0.013303559231230158, 0, -0.014779438059300740}},
    {HAND_DB1, {-0.013303559231230158, -0.014779438059300740}},
};

static const right_values right_parameters[] = {
    {HAND_W2, {0.62762511454909402, 0.72979237857597117}},
    {HAND_B2, {0.34614278260538253}},
    {HAND_W1, {0.5, 0.30665177961561508, 0.2, 0.40738971902965037}},
    {HAND_B1, {0.10665177961561508, 0.20738971902965037}},
};

/* "dW1[1,0]", "Z1[1]" for a column or row, "A2" for a single number. */
static void element_name(char *name, size_t room, const hand_net *hand, hand_array which, size_t i)
{
    size_t rows = hand_rows(hand, which), columns = hand_columns(hand, which);
    if (rows > 1 && columns > 1)
        snprintf(name, room, "%s[%zu,%zu]", hand_name(which), i / columns, i % columns);
    else if (rows * columns > 1)
        snprintf(name, room, "%s[%zu]", hand_name(which), i);
    else
        snprintf(name, room, "%s", hand_name(which));
}

static double relative(double found, double right)
{
    return right == 0 ? fabs(found) : fabs(found - right) / fabs(right);
}

static void compare_with_right(
    table *shown, tally *t, const model *net, const pass *p, const hand_net *hand, const right_values *right)
{
    /* Some units in the last place: the largest amplification here is that of 1 - A2, by A2 / (1 - A2) = 3. */
    double tolerance = hand->single ? 2e-6 : 4e-15;
    int digits = hand->single ? 8 : 16;
    for (size_t i = 0; i < hand_count(hand, right->which); i++) {
        char name[64];
        element_name(name, sizeof name, hand, right->which, i);
        double from_tape = model_at(net, p, right->which, i), by_hand = hand_at(hand, right->which, i);
        const char *tape_good = agree(t, relative(from_tape, right->value[i]), tolerance);
        const char *hand_good = agree(t, relative(by_hand, right->value[i]), tolerance);
        table_row(shown, "%s|%.*g|%.*g|%.16g|%s", name, digits, from_tape, digits, by_hand, right->value[i],
            tape_good[0] == 'o' ? hand_good : tape_good);
    }
}

/* The sample and the parameters above, and the formulas worked through. */
static void work_by_hand(hand_net *hand, const double *first_bias)
{
    for (size_t i = 0; i < 4; i++) hand_set(hand, HAND_W1, i, W1[i]);
    for (size_t i = 0; i < 2; i++) {
        hand_set(hand, HAND_X, i, x[i]);
        hand_set(hand, HAND_B1, i, first_bias[i]);
        hand_set(hand, HAND_W2, i, W2[i]);
    }
    hand_set(hand, HAND_Y, 0, y[0]);
    hand_set(hand, HAND_B2, 0, b2[0]);
    hand_forward(hand);
    hand_backward(hand);
}

/* The formulas of the backward pass, numbered as in hand_body.h, in two columns. */
static void print_formulas(void)
{
    enum { HALF = (HAND_DB1 - HAND_DA2 + 1) / 2 };
    for (int i = 0; i < HALF; i++) {
        hand_array left = (hand_array)(HAND_DA2 + i), right = (hand_array)(HAND_DA2 + HALF + i);
        printf("  (%d) %s = %-22s (%d) %s = %s\n", i + 1, hand_name(left), hand_formula(left), i + 1 + HALF,
            hand_name(right), hand_formula(right));
    }
    printf("\n");
}

static int tape_beside_hand(model *net, hand_net *hand, tally *t)
{
    pass p;
    table shown;
    if (!model_set(net, W1, b1, W2, b2) || !model_record(net, &p, x, y, 1, WG_BATCH_MEAN) ||
        !model_backward(net, &p, true))
        return CHAPTER_FAILED;
    work_by_hand(hand, b1);
    print_formulas();
    table_start(&shown, "|tape|by hand|right value|");
    for (size_t r = 0; r < sizeof right_gradients / sizeof right_gradients[0]; r++)
        compare_with_right(&shown, t, net, &p, hand, &right_gradients[r]);
    table_print(&shown);

    if (!model_descend(net, rate)) return CHAPTER_FAILED;
    hand_step(hand, rate);
    printf("\nAfter the step, each parameter less %g times its gradient:\n\n", rate);
    table_start(&shown, "|tape|by hand|right value|");
    for (size_t r = 0; r < sizeof right_parameters / sizeof right_parameters[0]; r++)
        compare_with_right(&shown, t, net, &p, hand, &right_parameters[r]);
    table_print(&shown);
    return CHAPTER_DONE;
}

/* The mistake of a worked example that has been copied from page to page, made on purpose. */
static void show_the_copied_example(const hand_net *hand, hand_net *copied)
{
    static const double half_a_bias[] = {0, 0.2};
    table shown;
    char first[64] = "";
    size_t differing = 0, all = 0;
    work_by_hand(copied, half_a_bias);
    table_start(&shown, "|above|without b1[0]|");
    for (size_t r = 0; r < sizeof right_gradients / sizeof right_gradients[0]; r++) {
        hand_array which = right_gradients[r].which;
        for (size_t i = 0; i < hand_count(hand, which); i++) {
            char name[64];
            double above = hand_at(hand, which, i), there = hand_at(copied, which, i);
            bool same = relative(there, above) <= 1e-6;
            element_name(name, sizeof name, hand, which, i);
            if (!same && differing++ == 0) snprintf(first, sizeof first, "%s", name);
            all++;
            if (which == HAND_Z1 || which == HAND_A2 || which == HAND_L || which == HAND_DW2 || which == HAND_DB2)
                table_row(&shown, "%s|%.7g|%.7g|%s", name, above, there, same ? "the same" : "differs");
        }
    }
    printf("\nA widely copied worked example of this step prints Z1 = (%.1f, %.1f): it has\n"
           "dropped the first bias, b1[0], and so most numbers after that line are wrong.\n"
           "The same formulas without b1[0]:\n\n",
        hand_at(copied, HAND_Z1, 0), hand_at(copied, HAND_Z1, 1));
    table_print(&shown);
    printf("\n%zu of the %zu values and gradients differ, and each looks plausible alone. Read\n"
           "from the top: the first that differs is %s, and there is the slip. So a\n"
           "calculation by hand is verified.\n",
        differing, all, first);
}

int chapter_step(const options *o, tally *t)
{
    printf("W1 = [[%g, %g], [%g, %g]], b1 = [%g, %g], W2 = [[%g, %g]], b2 = [%g],\n"
           "x = (%g, %g), y = %g, rate %g\n\n",
        W1[0], W1[1], W1[2], W1[3], b1[0], b1[1], W2[0], W2[1], b2[0], x[0], x[1], y[0], rate);
    model net = {0};
    hand_net hand = {0}, copied = {0};
    bool single = o->dtype == WG_F32;
    int status = CHAPTER_FAILED;
    if (model_new(&net, o->dtype, 2, 2, 1) && hand_new(&hand, 2, 2, 1, 1, single) &&
        hand_new(&copied, 2, 2, 1, 1, single))
        status = tape_beside_hand(&net, &hand, t);
    if (status == CHAPTER_DONE) show_the_copied_example(&hand, &copied);
    hand_free(&copied);
    hand_free(&hand);
    model_free(&net);
    return status;
}
