/* The flags, each checked before anything runs: a number must be one to its last character and lie in its range. */
#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const options defaults = {
    .dtype = WG_F64,
    .hidden = 32,
    .epochs = 60,
    .batch = 20,
    .classes = 10,
    .rate = 3,
    .seed = 1,
    .svg = "mlp-digits.svg",
    .own_digits = true,
};

static void print_help(const char *const *chapters)
{
    printf("wengert-mlp: a 2-layer net on the tape, beside its gradients derived by hand\n\n"
           "usage: wengert-mlp [flags]\n\n"
           "  --dtype f64|f32    the tape's numbers (f64)\n"
           "  --seed N           of the initial weights and the shuffles (%llu)\n"
           "  --only NAME        one chapter alone:",
        (unsigned long long)defaults.seed);
    for (size_t i = 0; chapters[i] != NULL; i++) printf(" %s", chapters[i]);
    printf("\n\nof the digits chapter:\n"
           "  --hidden N         hidden units (%zu)\n"
           "  --rate R           learning rate (%g)\n"
           "  --epochs N         passes over the training rows (%zu)\n"
           "  --batch N          samples in a mini-batch (%zu)\n"
           "  --csv FILE         other samples: features from 0 up, then the class; no header\n"
           "  --classes N        classes of that file, 0..N-1 (%zu)\n"
           "  --scale MAX        its features lie in 0..MAX (16 for 64 features, else the greatest one)\n"
           "  --svg FILE         where the loss curve goes (%s)\n"
           "  --help             this text\n\n"
           "Ends with 0 when every comparison agrees, 1 when one does not or something failed, 2 for a bad flag or "
           "file.\n",
        defaults.hidden, defaults.rate, defaults.epochs, defaults.batch, defaults.classes, defaults.svg);
}

static bool reject(const char *flag, const char *word, const char *wanted)
{
    fprintf(stderr, "wengert-mlp: %s: '%s' is not %s\n", flag, word, wanted);
    return false;
}

static bool to_count(const char *flag, const char *word, size_t least, size_t most, size_t *result)
{
    char wanted[80];
    snprintf(wanted, sizeof wanted, "a whole number from %zu to %zu", least, most);
    if (word[0] == '\0' || word[strspn(word, "0123456789")] != '\0') return reject(flag, word, wanted);
    errno = 0;
    unsigned long long value = strtoull(word, NULL, 10);
    if (errno != 0 || value < least || value > most) return reject(flag, word, wanted);
    *result = (size_t)value;
    return true;
}

static bool to_seed(const char *flag, const char *word, uint64_t *result)
{
    const char *wanted = "a whole number below 2^64";
    if (word[0] == '\0' || word[strspn(word, "0123456789")] != '\0') return reject(flag, word, wanted);
    errno = 0;
    unsigned long long value = strtoull(word, NULL, 10);
    if (errno != 0 || value > UINT64_MAX) return reject(flag, word, wanted);
    *result = (uint64_t)value;
    return true;
}

static bool to_positive(const char *flag, const char *word, double *result)
{
    char *end;
    double value = strtod(word, &end);
    if (end == word || *end != '\0' || !isfinite(value) || value <= 0)
        return reject(flag, word, "a positive, finite number");
    *result = value;
    return true;
}

static bool to_dtype(const char *flag, const char *word, wg_dtype *result)
{
    if (strcmp(word, "f64") != 0 && strcmp(word, "f32") != 0) return reject(flag, word, "f64 or f32");
    *result = strcmp(word, "f64") == 0 ? WG_F64 : WG_F32;
    return true;
}

static bool to_text(const char *flag, const char *word, const char **result)
{
    *result = word;
    return word[0] != '\0' || reject(flag, word, "a file's name");
}

static bool to_chapter(const char *flag, const char *word, const char *const *chapters, const char **result)
{
    for (size_t i = 0; chapters[i] != NULL; i++)
        if (strcmp(word, chapters[i]) == 0) {
            *result = chapters[i];
            return true;
        }
    return reject(flag, word, "a chapter (--help lists them)");
}

static const char *const flags[] = {"--dtype", "--seed", "--only", "--svg", "--hidden", "--rate", "--epochs", "--batch",
    "--csv", "--classes", "--scale", NULL};

static bool is_flag(const char *word)
{
    for (size_t i = 0; flags[i] != NULL; i++)
        if (strcmp(word, flags[i]) == 0) return true;
    return false;
}

static bool read_flag(options *o, const char *flag, const char *word, const char *const *chapters)
{
    if (strcmp(flag, "--dtype") == 0) return to_dtype(flag, word, &o->dtype);
    if (strcmp(flag, "--seed") == 0) return to_seed(flag, word, &o->seed);
    if (strcmp(flag, "--only") == 0) return to_chapter(flag, word, chapters, &o->only);
    if (strcmp(flag, "--svg") == 0) return to_text(flag, word, &o->svg);

    o->own_digits = false;
    if (strcmp(flag, "--hidden") == 0) return to_count(flag, word, 1, 100000, &o->hidden);
    if (strcmp(flag, "--rate") == 0) return to_positive(flag, word, &o->rate);
    if (strcmp(flag, "--epochs") == 0) return to_count(flag, word, 1, 1000000, &o->epochs);
    if (strcmp(flag, "--batch") == 0) return to_count(flag, word, 1, 1000000, &o->batch);
    if (strcmp(flag, "--csv") == 0) return to_text(flag, word, &o->csv);
    if (strcmp(flag, "--classes") == 0) return to_count(flag, word, 2, 10000, &o->classes);
    return to_positive(flag, word, &o->scale);
}

options_result options_read(options *chosen, int count, char **words, const char *const *chapters)
{
    *chosen = defaults;
    for (int i = 1; i < count; i += 2) {
        const char *flag = words[i];
        if (strcmp(flag, "--help") == 0 || strcmp(flag, "-h") == 0) {
            print_help(chapters);
            return OPTIONS_HELP;
        }
        if (!is_flag(flag)) {
            fprintf(stderr, "wengert-mlp: there is no flag '%s' (--help lists them)\n", flag);
            return OPTIONS_BAD;
        }
        if (i + 1 == count) {
            fprintf(stderr, "wengert-mlp: %s needs a value\n", flag);
            return OPTIONS_BAD;
        }
        if (!read_flag(chosen, flag, words[i + 1], chapters)) return OPTIONS_BAD;
    }
    return OPTIONS_RUN;
}
