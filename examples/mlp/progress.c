/* isatty and clock_gettime are POSIX; strict C11 hides them unless asked. */
#define _POSIX_C_SOURCE 200809L

#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

double progress_clock(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void progress_start(progress *p, size_t epochs)
{
    *p = (progress){.epochs = epochs, .terminal = isatty(STDOUT_FILENO) == 1, .started = progress_clock()};
}

void progress_show(progress *p, size_t epoch, double loss, double accuracy)
{
    bool last = epoch == p->epochs;
    size_t every = (p->epochs + 9) / 10;
    if (!p->terminal && epoch != 1 && !last && epoch % every != 0) return;

    double spent = progress_clock() - p->started;
    double left = spent / (double)epoch * (double)(p->epochs - epoch);
    if (p->terminal) printf("\r");
    printf("  epoch %*zu of %zu   loss %.5f   accuracy %6.2f %%   ", p->epochs < 1000 ? 3 : 7, epoch, p->epochs, loss,
        100 * accuracy);
    if (last)
        printf("done in %.1f s", spent);
    else
        printf("%.1f s left", left);
    printf(p->terminal ? "\033[K" : "\n"); /* \033[K: clear the rest of a longer line */
    if (p->terminal && last) putchar('\n');
    fflush(stdout);
}

void progress_interrupt(const progress *p)
{
    if (p->terminal) putchar('\n');
    fflush(stdout);
}
