/* The command's subcommands and what is said of them. */
#include "command.h"
#include "operation.h"
#include "wengert.h"

#include <string.h>

static const char command_help[] =
    "wengert: gradients of expressions, and what is wrong with gradients written by hand\n"
    "\n"
    "  wengert check EXPRESSION --in FILE --grad FILE ...   are these gradients right? If not, what is the mistake?\n"
    "  wengert grad EXPRESSION --in FILE --out FILE.npz     writes the gradients\n"
    "  wengert explain EXPRESSION --in FILE ...             prints how each of them is derived, step by step\n"
    "  wengert ops                                          lists the ops that an expression can call\n"
    "\n"
    "EXPRESSION is a forward computation in the manner of NumPy; named steps are separated by ; or new lines, and the "
    "last\n"
    "one is the loss, a single number:\n"
    "\n"
    "  Z1 = W1 @ X + b1; A1 = tanh(Z1); mse(W2 @ A1 + b2, Y, batch_mean)\n"
    "\n"
    "Operators are Python's + - * / // % @ ** and .T, x[1:, ::-1], and every op of the library: sum(x, [0], true),\n"
    "softmax(x, 1), cross_entropy(logits, labels, 0, mean). Other names are arrays in the files given by --in.\n"
    "\n"
    "FILE is an .npz file, or NAME=FILE.npy, or NAME=FILE.bin:f32:128,768 for bare numbers of a dtype and shape.\n"
    "\n"
    "The exit status is 0 when all is right, 1 when a gradient is wrong, and 2 when the input is unusable.\n"
    "wengert SUBCOMMAND --help says more; wengert --version names the version.\n";

static const char command_check_help[] =
    "wengert check EXPRESSION --in FILE --grad FILE [--json] [--tolerance T]\n"
    "\n"
    "Holds gradients that were computed elsewhere against those of the expression and, where they differ, names the\n"
    "mistake and the step at which it was made.\n"
    "\n"
    "  --in FILE        arrays that the expression names; may be given several times\n"
    "  --grad FILE      gradients: dW is that of W, an array or a step; may be given several times. The more steps "
    "have\n"
    "                   theirs, the closer a mistake is found\n"
    "  --json           the report as JSON\n"
    "  --tolerance T    an entry may differ by T times its own scale; otherwise by what rounding explains\n"
    "\n"
    "FILE is an .npz file, or NAME=FILE.npy, or NAME=FILE.bin:f32:128,768 for bare numbers of a dtype and shape.\n"
    "Exit status: 0 all are right, 1 one is wrong, 2 the input is unusable.\n";

static const char command_grad_help[] =
    "wengert grad EXPRESSION --in FILE --out FILE.npz [--wrt NAME,NAME]\n"
    "\n"
    "Writes the gradients of the expression, in float64, under the names dNAME.\n"
    "\n"
    "  --in FILE        arrays that the expression names; may be given several times\n"
    "  --wrt NAMES      arrays or steps; otherwise every array of floating-point numbers that the expression uses\n"
    "  --out FILE.npz   where to\n"
    "\n"
    "FILE is an .npz file, or NAME=FILE.npy, or NAME=FILE.bin:f32:128,768 for bare numbers of a dtype and shape.\n";

static const char command_explain_help[] =
    "wengert explain EXPRESSION --in FILE [--wrt NAME,NAME] [--html FILE]\n"
    "\n"
    "Prints the reverse sweep: for each step, and each array of floating-point numbers, the formula of its gradient "
    "in\n"
    "the names of the expression, its shape and its norm.\n"
    "\n"
    "  --in FILE        arrays that the expression names; may be given several times\n"
    "  --wrt NAMES      arrays or steps instead of all arrays\n"
    "  --html FILE      writes a page to look at in a browser instead\n"
    "\n"
    "FILE is an .npz file, or NAME=FILE.npy, or NAME=FILE.bin:f32:128,768 for bare numbers of a dtype and shape.\n";

static const struct {
    const char *name, *help;
    int (*run)(const arguments *a, FILE *out, FILE *err);
} commands[] = {{"check", command_check_help, command_check}, {"grad", command_grad_help, command_grad},
    {"explain", command_explain_help, command_explain}};

static bool command_asks_help(const char *word) { return !strcmp(word, "--help") || !strcmp(word, "-h"); }

/* Whether --help stands among the words, before a bare --. */
static bool command_wants_help(int count, char **words)
{
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++)
        if (command_asks_help(words[i])) return true;
    return false;
}

/* The ops, each as it is called. */
static int command_ops(FILE *out)
{
    char signature[256];
    for (size_t i = 0; i < operation_count; i++) {
        operation_signature(&operation_table[i], signature, sizeof signature);
        (void)fprintf(out, "%s\n", signature);
    }
    return COMMAND_RIGHT;
}

static int command_choose(int count, char **words, FILE *out, FILE *err)
{
    if (count < 2) {
        (void)fputs(command_help, err);
        return COMMAND_UNUSABLE;
    }
    if (command_asks_help(words[1]) || !strcmp(words[1], "help")) {
        (void)fputs(command_help, out);
        return COMMAND_RIGHT;
    }
    if (!strcmp(words[1], "--version")) {
        (void)fprintf(out, "wengert %s\n", wg_version());
        return COMMAND_RIGHT;
    }
    if (!strcmp(words[1], "ops")) return command_ops(out);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(words[1], commands[i].name) != 0) continue;
        if (command_wants_help(count - 2, words + 2)) {
            (void)fputs(commands[i].help, out);
            return COMMAND_RIGHT;
        }
        arguments a;
        int status = COMMAND_UNUSABLE;
        if (arguments_read(&a, commands[i].name, count - 2, words + 2, err)) status = commands[i].run(&a, out, err);
        arguments_free(&a);
        return status;
    }
    return command_fail(err, "there is no subcommand %s; wengert --help lists them", words[1]);
}

int command_run(int count, char **words, FILE *out, FILE *err)
{
    int status = command_choose(count, words, out, err);
    if (!fflush(out) && !ferror(out)) return status;
    return command_fail(err, "the output cannot be written");
}
