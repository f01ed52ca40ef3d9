/* The forward, recorded again on a tape of the check's own: in double, so that the reference is better than what it is
 * compared with, and apart, so that the caller's tape is only read. */
#include "check/run.h"

#include <math.h>
#include <string.h>

/* Marks the loss, what else is asked for, and all that they are computed from. */
static unsigned char *model_mark(check_model *model, wg_var loss, const wg_var *also, size_t also_count)
{
    size_t count = (size_t)loss.index + 1;
    for (size_t k = 0; k < also_count; k++)
        if (also[k].index >= count) count = (size_t)also[k].index + 1;
    model->originals = count;
    unsigned char *marked = check_take(&model->memory, count, 1);
    if (!marked) return NULL;
    marked[loss.index] = 1;
    for (size_t k = 0; k < also_count; k++) marked[also[k].index] = 1;
    for (size_t i = count; i-- > 0;) {
        wg_node_info info;
        if (!marked[i]) continue;
        wg_var node = wg_node_at(loss.tape, i);
        if (wg_node_read(node, &info) != WG_OK) return NULL;
        for (size_t k = 0; k < info.inputs; k++) marked[wg_node_input(node, k).index] = 1;
    }
    return marked;
}

uint64_t check_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* How many terms an entry of a node's value is a sum of, roughly: a rounding is made at each when they are added one
 * after the other. */
static double model_terms(const wg_node_info *info, wg_var node, size_t size)
{
    wg_shape first = wg_shape_of(wg_node_input(node, 0));
    if (info->op && !strcmp(info->kind, "matmul") && first.rank) return (double)first.dim[first.rank - 1];
    size_t inputs = info->inputs ? wg_size(wg_node_input(node, 0)) : 0;
    return size && inputs > size ? (double)inputs / (double)size : 1;
}

/* Uniform, with mean 0 and mean square 1. */
static double model_draw(uint64_t *state)
{
    return ((double)(check_random(state) >> 11) * 0x1p-52 - 1) * 1.7320508075688772;
}

/* var times 1 + noise r. */
static wg_var model_blur(check_model *model, wg_var var, const wg_shape *shape, double noise, uint64_t *state)
{
    size_t n = wg_size(var);
    check_memory memory = {0};
    double *factors = check_take(&memory, n, sizeof *factors);
    for (size_t i = 0; factors && i < n; i++) factors[i] = 1 + noise * model_draw(state);
    wg_var blurred = factors ? wg_mul(var, wg_constant_f64(model->tape, *shape, factors)) : (wg_var){0};
    check_release(&memory);
    return blurred;
}

/* x times a probability that is 1 plus something where it vanishes: away from 0 these are known to a rounding of x alone, and
 * their slopes to one of 1. */
static bool model_vanishes(const char *kind)
{
    static const char *const kinds[] = {"gelu", "gelu_tanh", "silu", "mish"};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (!strcmp(kind, kinds[k])) return true;
    return false;
}

/* What was just copied, with noise. */
static wg_var model_disturb(check_model *model, wg_var var, const wg_var *in, double noise, uint64_t *state)
{
    wg_node_info info;
    if (noise == 0 || wg_node_read(var, &info) != WG_OK || info.flags & WG_IS_INDICES) return var;
    double steps = noise * sqrt(1 + model_terms(&info, var, wg_size(var)) / 3);
    wg_var out = model_blur(model, var, &info.shape, steps, state);
    if (!model_vanishes(info.kind)) return out;
    wg_var moved = model_blur(model, in[0], &info.shape, noise, state);
    return wg_add(out, wg_sub(moved, in[0]));
}

/* A new node; its number is the count so far. False: out of memory. */
static bool model_add(check_model *model, wg_var var, uint32_t original)
{
    wg_node_info info;
    if (model->count == model->capacity) {
        check_node *more = check_take_more(&model->memory, model->nodes, model->count, &model->capacity, sizeof *more);
        if (!more) return false;
        model->nodes = more;
    }
    bool numbers = wg_node_read(var, &info) == WG_OK && !(info.flags & WG_IS_INDICES);
    model->nodes[model->count++] = (check_node){.var = var,
        .size = wg_size(var),
        .original = original,
        .numbers = numbers,
        .supplied = SIZE_MAX,
        .sum = SIZE_MAX};
    return true;
}

static void model_use(check_model *model, size_t input, size_t user)
{
    model->nodes[input].uses++;
    model->nodes[input].user = user;
}

/* The inputs of an original: their numbers, and their copies. */
typedef struct model_inputs {
    wg_var original, *copies;
    size_t n, *numbers;
} model_inputs;

/* An op that stands for several is copied as those: each of these steps, numbers from up to last's on the copy's tape, is a node
 * too, with noise of its own. Returns the last of them, which is yet to be added. */
static wg_var model_copy_steps(
    check_model *model, const model_inputs *inputs, uint32_t from, wg_var last, double noise, uint64_t *state)
{
    size_t first = model->count;
    for (uint32_t i = from;; i++) {
        wg_node_info info;
        wg_var step = wg_node_at(model->tape, i);
        if (wg_node_read(step, &info) != WG_OK) return (wg_var){0};
        wg_var *in = check_take(&model->memory, info.inputs, sizeof *in);
        for (size_t k = 0; in && k < info.inputs; k++) {
            in[k] = wg_node_input(step, k);
            size_t number = in[k].index >= from ? first + (in[k].index - from) : SIZE_MAX;
            for (size_t j = 0; j < inputs->n; j++)
                if (inputs->copies[j].index == in[k].index) number = inputs->numbers[j];
            if (number == SIZE_MAX) return (wg_var){0};
            in[k] = model->nodes[number].var;
            model_use(model, number, first + (i - from));
        }
        if (!in) return (wg_var){0};
        if (noise != 0) step = wg_node_copy(model->tape, step, in, info.inputs);
        if (i == last.index) return step;
        if (!model_add(model, model_disturb(model, step, in, noise, state), inputs->original.index)) return (wg_var){0};
    }
}

static wg_status model_copy_node(check_model *model, wg_var original, double noise, uint64_t *state)
{
    wg_node_info info;
    wg_status status = wg_node_read(original, &info);
    if (status != WG_OK) return status;
    model_inputs inputs = {.original = original, .n = info.inputs};
    inputs.copies = check_take(&model->memory, info.inputs, sizeof *inputs.copies);
    inputs.numbers = check_take(&model->memory, info.inputs, sizeof *inputs.numbers);
    if (!inputs.copies || !inputs.numbers) return WG_ERROR_MEMORY;
    for (size_t k = 0; k < info.inputs; k++) {
        inputs.numbers[k] = model->of_original[wg_node_input(original, k).index];
        inputs.copies[k] = model->nodes[inputs.numbers[k]].var;
    }
    size_t from = wg_node_count(model->tape);
    wg_var var = wg_node_copy(model->tape, original, inputs.copies, info.inputs);
    /* a checkpoint's function is none of the steps that a backward written by hand has */
    if (wg_ok(var) && var.index > from && strcmp(info.kind, "checkpoint"))
        var = model_copy_steps(model, &inputs, (uint32_t)from, var, noise, state);
    else
        for (size_t k = 0; k < info.inputs; k++) model_use(model, inputs.numbers[k], model->count);
    var = model_disturb(model, var, inputs.copies, noise, state);
    if (!wg_ok(var)) return wg_tape_status(model->tape) == WG_OK ? WG_ERROR_ARGUMENT : wg_tape_status(model->tape);
    model->of_original[original.index] = model->count;
    return model_add(model, var, original.index) ? WG_OK : WG_ERROR_MEMORY;
}

static wg_status model_copy(check_model *model, wg_var loss, const unsigned char *marked, double noise, uint64_t seed)
{
    model->of_original = check_take(&model->memory, model->originals, sizeof *model->of_original);
    if (!model->of_original) return WG_ERROR_MEMORY;
    for (size_t i = 0; i < model->originals; i++) {
        model->of_original[i] = SIZE_MAX;
        if (!marked[i]) continue;
        wg_status status = model_copy_node(model, wg_node_at(loss.tape, i), noise, &seed);
        if (status != WG_OK) return status;
    }
    model->loss = model->of_original[loss.index];
    return WG_OK;
}

/* From places on the copy's tape to numbers of nodes. */
static wg_status model_number_nodes(check_model *model)
{
    model->indices = wg_node_count(model->tape);
    model->number_of = check_take(&model->memory, model->indices, sizeof *model->number_of);
    model->candidates = check_take(&model->memory, model->count, sizeof *model->candidates);
    if (!model->number_of || !model->candidates) return WG_ERROR_MEMORY;
    for (size_t i = 0; i < model->indices; i++) model->number_of[i] = SIZE_MAX;
    for (size_t i = 0; i < model->count; i++) {
        model->number_of[model->nodes[i].var.index] = i;
        model->weight += 400 + (double)model->nodes[i].size;
        if (model->nodes[i].numbers) model->candidates[model->candidates_count++] = model->nodes[i].var;
    }
    return WG_OK;
}

wg_status check_model_open(
    check_model *model, wg_var loss, const wg_var *also, size_t also_count, double noise, uint64_t seed)
{
    wg_status why;
    *model = (check_model){.tape = wg_tape_new_with(&(wg_tape_options){.dtype = WG_F64}, &why)};
    if (!model->tape) return why;
    const unsigned char *marked = model_mark(model, loss, also, also_count);
    if (!marked) return model->memory.failed ? WG_ERROR_MEMORY : wg_tape_status(loss.tape);
    wg_status status = model_copy(model, loss, marked, noise, seed);
    return status == WG_OK ? model_number_nodes(model) : status;
}

void check_model_close(check_model *model)
{
    wg_tape_free(model->tape);
    check_release(&model->memory);
    *model = (check_model){.tape = NULL};
}

size_t check_model_find(const check_model *model, wg_var original)
{
    return original.index < model->originals ? model->of_original[original.index] : SIZE_MAX;
}

size_t check_model_number(const check_model *model, wg_var copy)
{
    return copy.tape == model->tape && copy.index < model->indices ? model->number_of[copy.index] : SIZE_MAX;
}
