/* The 2-layer net on the tape, beside its gradients derived by hand. Read it in this order:
 *
 *     hand_body.h    the forward and backward pass as one derives them on paper
 *     model.c        the same net on the tape: the forward pass, one call for the backward pass, one step of training
 *     chapter_*.c    what is shown, in the order of the list below
 *
 * The rest serves these: agree.c compares, table.c and svg.c show, csv.c, digits.c, random.c and options.c bring things
 * in, progress.c tells how far a training is. */
#include "chapters.h"

#include <stdio.h>

static const char *const names[] = {"step", "shapes", "branches", "xor", "digits", NULL};
static const struct {
    const char *title;
    int (*run)(const options *, tally *);
} chapters[] = {
    {"One step on XOR", chapter_step},
    {"Shapes", chapter_shapes},
    {"Branches", chapter_branches},
    {"XOR learned", chapter_xor},
    {"Digits", chapter_digits},
};

/* The title, and a rule as long as it. */
static void print_title(const char *title)
{
    printf("\n%s\n", title);
    for (const char *c = title; *c != '\0'; c++) putchar('=');
    printf("\n");
}

int main(int count, char **words)
{
    options chosen;
    switch (options_read(&chosen, count, words, names)) {
    case OPTIONS_HELP:
        return 0;
    case OPTIONS_BAD:
        return CHAPTER_BAD_INPUT;
    case OPTIONS_RUN:
        break;
    }

    tally t = {0};
    printf("wengert %s, %s\n", wg_version(), chosen.dtype == WG_F64 ? "F64 (double)" : "F32 (float)");
    for (size_t i = 0; names[i] != NULL; i++) {
        if (chosen.only != NULL && chosen.only != names[i]) continue;
        print_title(chapters[i].title);
        int status = chapters[i].run(&chosen, &t);
        if (status != CHAPTER_DONE) return status;
        fflush(stdout);
    }
    if (t.differed > 0)
        printf("\n%zu of %zu comparisons DIFFER.\n", t.differed, t.compared);
    else
        printf("\nAll %zu comparisons agree.\n", t.compared);
    return t.differed > 0 ? CHAPTER_FAILED : CHAPTER_DONE;
}
