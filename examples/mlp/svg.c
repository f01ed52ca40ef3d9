/* A chart is two panels. Each maps an epoch to x and a value to y, draws its grid and ticks, then its curves. Losses fall
 * over decades and get a logarithmic axis. Colours are set by classes in a style sheet inside the picture, which follows
 * the reader's light or dark theme; a viewer that knows no themes shows the light one. The colours of the two runs are
 * told apart by readers who see no red or no green, too, and the dashes without any colour. */
#include "svg.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 800, HEIGHT = 676, LEFT = 72, RIGHT = 704, LEGEND_TOP = 82 };
enum { LOSS_TOP = 148, LOSS_BOTTOM = 378, RATE_TOP = 440, RATE_BOTTOM = 612 };

typedef struct panel {
    double top, bottom; /* in the picture, y downward */
    double low, high;   /* the values there */
    bool logarithmic;
    size_t epochs;
} panel;

static const char *const style =
    "  <style>\n"
    "    .card { fill: #ffffff; stroke: #d8dce2 }\n"
    "    .title { fill: #1b1f24; font-size: 20px; font-weight: 600 }\n"
    "    .head { fill: #1b1f24; font-size: 14px; font-weight: 600 }\n"
    "    text { fill: #57606a; font-family: system-ui, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif; "
    "font-size: 12px }\n"
    "    .grid { stroke: #e7eaee; stroke-width: 1 }\n"
    "    .axis { stroke: #8c959f; stroke-width: 1 }\n"
    "    .curve { fill: none; stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round }\n"
    "    .dashed { stroke-dasharray: 6 5; stroke-width: 1.75 }\n"
    "    .run0 { stroke: #0b6bcb } .run1 { stroke: #c2570c }\n"
    "    .dot0 { fill: #0b6bcb } .dot1 { fill: #c2570c }\n"
    "    @media (prefers-color-scheme: dark) {\n"
    "      .card { fill: #14181d; stroke: #30363d }\n"
    "      .title, .head { fill: #eef1f4 }\n"
    "      text { fill: #a6b0bb }\n"
    "      .grid { stroke: #262c33 }\n"
    "      .axis { stroke: #6e7781 }\n"
    "      .run0 { stroke: #5aa9f5 } .run1 { stroke: #f0934a }\n"
    "      .dot0 { fill: #5aa9f5 } .dot1 { fill: #f0934a }\n"
    "    }\n"
    "  </style>\n";

/* Text from outside, such as a file's name, must not be read as markup. */
static void put_text(FILE *f, const char *text)
{
    for (; *text != '\0'; text++) switch (*text) {
        case '&':
            fputs("&amp;", f);
            break;
        case '<':
            fputs("&lt;", f);
            break;
        case '>':
            fputs("&gt;", f);
            break;
        default:
            fputc((unsigned char)*text < ' ' ? ' ' : *text, f);
        }
}

static double x_of(const panel *p, double epoch)
{
    double last = p->epochs > 1 ? (double)p->epochs : 2;
    return LEFT + (RIGHT - LEFT) * (epoch - 1) / (last - 1);
}

static double y_of(const panel *p, double value)
{
    value = fmin(fmax(value, p->low), p->high);
    double share = p->logarithmic ? log(value / p->low) / log(p->high / p->low) : (value - p->low) / (p->high - p->low);
    return p->bottom - (p->bottom - p->top) * share;
}

/* The smallest of 1, 2, 5, 10, 20, ... that cuts the span into at most `pieces`. */
static double round_step(double span, double pieces)
{
    double step = pow(10, floor(log10(span / pieces)));
    if (step * pieces >= span) return step;
    if (2 * step * pieces >= span) return 2 * step;
    if (5 * step * pieces >= span) return 5 * step;
    return 10 * step;
}

static void draw_level(FILE *f, const panel *p, double value, const char *format, double shown)
{
    double y = y_of(p, value);
    fprintf(f, "  <line class='grid' x1='%d' y1='%.1f' x2='%d' y2='%.1f'/>\n", LEFT, y, RIGHT, y);
    fprintf(f, "  <text x='%d' y='%.1f' text-anchor='end'>", LEFT - 10, y + 4);
    fprintf(f, format, shown);
    fprintf(f, "</text>\n");
}

static void draw_frame(FILE *f, const panel *p, const char *head)
{
    fprintf(f, "  <text class='head' x='%d' y='%.1f'>%s</text>\n", LEFT, p->top - 14, head);
    if (p->logarithmic) {
        bool narrow = p->high / p->low < 20; /* few decades: 2 and 5 get a line as well */
        for (double decade = pow(10, floor(log10(p->low))); decade <= p->high; decade *= 10)
            for (int digit = 1; digit <= 5; digit += digit == 2 ? 3 : 1) {
                if ((digit == 2 || digit == 5 ? !narrow : digit != 1) || decade * digit < p->low * 0.999 ||
                    decade * digit > p->high * 1.001)
                    continue;
                draw_level(f, p, decade * digit, "%g", decade * digit);
            }
    } else {
        double step = round_step(p->high - p->low, 5);
        for (double value = (ceil(p->low / step - 1e-9) + 0.0) * step; value <= p->high + 1e-9; value += step)
            draw_level(f, p, value, "%.0f %%", 100 * value);
    }
    fprintf(f, "  <line class='axis' x1='%d' y1='%.1f' x2='%d' y2='%.1f'/>\n", LEFT, p->bottom, RIGHT, p->bottom);
    double step = fmax(1, round_step((double)p->epochs, 12));
    for (double epoch = step; epoch <= (double)p->epochs; epoch += step) {
        double x = x_of(p, epoch);
        fprintf(f, "  <line class='axis' x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f'/>\n", x, p->bottom, x, p->bottom + 5);
        fprintf(f, "  <text x='%.1f' y='%.1f' text-anchor='middle'>%g</text>\n", x, p->bottom + 20, epoch);
    }
}

/* At most about a thousand points are drawn, however many epochs there were; a lone one is a dot. */
static void draw_curve(FILE *f, const panel *p, const double *values, size_t run, bool dashed)
{
    size_t stride = p->epochs / 1000 + 1;
    if (p->epochs == 1)
        fprintf(f, "  <circle class='dot%zu' cx='%.1f' cy='%.1f' r='3.5'/>\n", run, x_of(p, 1), y_of(p, values[0]));
    fprintf(f, "  <polyline class='curve run%zu%s' points='", run, dashed ? " dashed" : "");
    for (size_t i = 0; i < p->epochs; i++)
        if (i % stride == 0 || i + 1 == p->epochs) fprintf(f, "%.1f,%.1f ", x_of(p, (double)i + 1), y_of(p, values[i]));
    fprintf(f, "'/>\n");
}

/* The last accuracy of each run beside the end of its curve, moved apart where two would overlap. */
static void draw_ends(FILE *f, const panel *p, const svg_run *runs, size_t count)
{
    double y[SVG_RUNS], label[SVG_RUNS];
    for (size_t run = 0; run < count; run++) label[run] = y[run] = y_of(p, runs[run].accuracy[runs[run].epochs - 1]);
    if (count == 2 && fabs(y[0] - y[1]) < 16) {
        double middle = (y[0] + y[1]) / 2, up = y[0] <= y[1] ? -8 : 8;
        label[0] = middle + up;
        label[1] = middle - up;
    }
    for (size_t run = 0; run < count; run++) {
        double accuracy = runs[run].accuracy[runs[run].epochs - 1];
        fprintf(f, "  <circle class='dot%zu' cx='%.1f' cy='%.1f' r='3.5'/>\n", run, x_of(p, (double)p->epochs), y[run]);
        fprintf(f, "  <text x='%d' y='%.1f'>%.2f %%</text>\n", RIGHT + 12, label[run] + 4, 100 * accuracy);
    }
}

static void draw_sample(
    FILE *f, double x, double y, size_t run, const char *dashed, const char *before, const char *label)
{
    fprintf(
        f, "  <line class='curve run%zu%s' x1='%.0f' y1='%.0f' x2='%.0f' y2='%.0f'/>\n", run, dashed, x, y, x + 28, y);
    fprintf(f, "  <text x='%.0f' y='%.0f'>%s", x + 36, y + 4, before);
    put_text(f, label);
    fprintf(f, "</text>\n");
}

static void draw_legend(FILE *f, const svg_run *runs, size_t count)
{
    for (size_t run = 0; run < count; run++) {
        double y = LEGEND_TOP + 20 * (double)run;
        draw_sample(f, LEFT, y, run, "", "training", "");
        draw_sample(f, LEFT + 110, y, run, " dashed", "held out: ", runs[run].label);
    }
}

static void draw(FILE *f, const char *title, const char *subtitle, const svg_run *runs, size_t count)
{
    panel loss = {LOSS_TOP, LOSS_BOTTOM, INFINITY, 0, true, runs[0].epochs};
    panel rate = {RATE_TOP, RATE_BOTTOM, 1, 1, false, runs[0].epochs};
    for (size_t run = 0; run < count; run++)
        for (size_t i = 0; i < runs[run].epochs; i++) {
            loss.low = fmin(loss.low, fmin(runs[run].training_loss[i], runs[run].held_out_loss[i]));
            loss.high = fmax(loss.high, fmax(runs[run].training_loss[i], runs[run].held_out_loss[i]));
            rate.low = fmin(rate.low, runs[run].accuracy[i]);
        }
    loss.low = fmax(loss.low, 1e-12) * 0.8;
    loss.high = fmax(loss.high, 1e-11) * 1.25;
    rate.low = fmin(0.9, floor(rate.low * 10) / 10);

    fprintf(f, "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' viewBox='0 0 %d %d' role='img'>\n",
        WIDTH, HEIGHT, WIDTH, HEIGHT);
    fprintf(f, "  <title>");
    put_text(f, title);
    fprintf(f, "</title>\n  <desc>");
    put_text(f, subtitle);
    fprintf(f, "</desc>\n%s", style);
    fprintf(f, "  <rect class='card' x='0.5' y='0.5' width='%d' height='%d' rx='10'/>\n", WIDTH - 1, HEIGHT - 1);
    fprintf(f, "  <text class='title' x='%d' y='36'>", LEFT);
    put_text(f, title);
    fprintf(f, "</text>\n  <text x='%d' y='56'>", LEFT);
    put_text(f, subtitle);
    fprintf(f, "</text>\n");

    draw_frame(f, &loss, "Loss: mean over samples, logarithmic");
    draw_frame(f, &rate, "Accuracy on held-out rows");
    fprintf(f, "  <text x='%d' y='%d' text-anchor='middle'>epoch</text>\n", (LEFT + RIGHT) / 2, RATE_BOTTOM + 42);
    draw_legend(f, runs, count);
    for (size_t run = count; run-- > 0;) {
        const svg_run *r = &runs[run];
        draw_curve(f, &loss, r->training_loss, run, false);
        draw_curve(f, &loss, r->held_out_loss, run, true);
        draw_curve(f, &rate, r->accuracy, run, false);
    }
    draw_ends(f, &rate, runs, count);
    fprintf(f, "</svg>\n");
}

bool svg_write(const char *path, const char *title, const char *subtitle, const svg_run *runs, size_t count)
{
    FILE *f = fopen(path, "w");
    bool good = f != NULL;
    if (good) {
        draw(f, title, subtitle, runs, count);
        good = ferror(f) == 0;
        if (fclose(f) != 0) good = false;
    }
    if (!good) fprintf(stderr, "wengert-mlp: %s: %s\n", path, strerror(errno));
    return good;
}
