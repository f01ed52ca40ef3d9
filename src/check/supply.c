/* The gradients that the caller supplies: kept as doubles, which hold every float, half and bfloat16 exactly. */
#include "check/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory --------------------------------------------------------------------------------------------------------- */

struct check_block {
    check_block *before;
    double aligned[];
};

void *check_take(check_memory *memory, size_t count, size_t size)
{
    check_block *block = NULL;
    if (count == 0) count = 1;
    if (size <= (SIZE_MAX - sizeof *block) / count) block = calloc(1, sizeof *block + count * size);
    if (!block) {
        memory->failed = true;
        return NULL;
    }
    block->before = memory->last;
    memory->last = block;
    return block->aligned;
}

void *check_take_more(check_memory *memory, const void *old, size_t count, size_t *capacity, size_t size)
{
    size_t more = *capacity ? 2 * *capacity : 32;
    void *larger = check_take(memory, more, size);
    if (!larger) return NULL;
    if (count) memcpy(larger, old, count * size);
    *capacity = more;
    return larger;
}

double *check_take_copy(check_memory *memory, const double *numbers, size_t n)
{
    double *copy = check_take(memory, n, sizeof *copy);
    if (copy && n) memcpy(copy, numbers, n * sizeof *copy);
    return copy;
}

void check_release(check_memory *memory)
{
    while (memory->last) {
        check_block *before = memory->last->before;
        free(memory->last);
        memory->last = before;
    }
    memory->failed = false;
}

/* ---- a check's life --------------------------------------------------------------------------------------------------- */

wg_check *wg_check_new(wg_var loss)
{
    if (wg_size(loss) != 1 || !wg_ok(loss)) {
        wg_item(loss); /* sets the error that says so */
        return NULL;
    }
    wg_check *check = calloc(1, sizeof *check);
    if (check) check->loss = loss;
    return check;
}

void wg_check_free(wg_check *check)
{
    if (!check) return;
    check_model_close(&check->model);
    check_release(&check->kept);
    for (size_t k = 0; k < check->count; k++) free(check->supplied[k].numbers);
    free(check->supplied);
    free(check);
}

const char *wg_check_message(const wg_check *check) { return check ? check->message : "there is no check"; }

void check_say(wg_check *check, const char *message) { snprintf(check->message, sizeof check->message, "%s", message); }

wg_status wg_check_tolerance(wg_check *check, double tolerance)
{
    if (!check) return WG_ERROR_ARGUMENT;
    if (!(tolerance >= 0)) {
        snprintf(check->message, sizeof check->message, "wg_check_tolerance: %g is not a tolerance", tolerance);
        return WG_ERROR_ARGUMENT;
    }
    check->tolerance = tolerance;
    return WG_OK;
}

/* ---- supplying -------------------------------------------------------------------------------------------------------- */

static wg_status supply_fail(wg_check *check, wg_status status, const char *why)
{
    snprintf(check->message, sizeof check->message, "wg_check_supply: %s", why);
    return status;
}

/* The number of elements of a shape; false when it has too many axes or overflows. */
static bool supply_size(const wg_shape *shape, size_t *size)
{
    *size = 1;
    if (shape->rank > WG_MAX_RANK) return false;
    for (size_t k = 0; k < shape->rank; k++) {
        if (shape->dim[k] && *size > SIZE_MAX / sizeof(double) / shape->dim[k]) return false;
        *size *= shape->dim[k];
    }
    return true;
}

static check_supplied *supply_place(wg_check *check, wg_var var)
{
    for (size_t k = 0; k < check->count; k++)
        if (check->supplied[k].var.index == var.index) return &check->supplied[k];
    if (check->count == check->capacity) {
        size_t capacity = check->capacity ? 2 * check->capacity : 8;
        check_supplied *more = realloc(check->supplied, capacity * sizeof *more);
        if (!more) return NULL;
        check->supplied = more;
        check->capacity = capacity;
    }
    check->supplied[check->count] = (check_supplied){.numbers = NULL};
    return &check->supplied[check->count];
}

/* Makes the place for a supply. NULL: *status says why. */
static check_supplied *supply_open(
    wg_check *check, wg_var var, const wg_shape *shape, const void *numbers, unsigned bits, wg_status *status)
{
    wg_node_info info;
    size_t size;
    *status = WG_ERROR_ARGUMENT;
    if (!check) return NULL;
    if (!wg_ok(var)) return supply_fail(check, *status, "the var is invalid"), NULL;
    if (var.tape != check->loss.tape) return supply_fail(check, *status, "the var is of another tape"), NULL;
    if (wg_node_read(var, &info) != WG_OK || info.flags & WG_IS_INDICES)
        return supply_fail(check, *status, "indices have no gradient"), NULL;
    if (!supply_size(shape, &size))
        return supply_fail(check, *status = WG_ERROR_SHAPE, "the shape has more than 8 axes, or is too large"), NULL;
    if (size && !numbers) return supply_fail(check, *status, "there are no numbers"), NULL;
    double *copy = malloc((size + 1) * sizeof *copy);
    check_supplied *place = copy ? supply_place(check, var) : NULL;
    if (!place) {
        free(copy);
        return supply_fail(check, *status = WG_ERROR_MEMORY, "out of memory"), NULL;
    }
    if (!place->numbers) check->count++;
    free(place->numbers);
    *place = (check_supplied){.var = var, .shape = *shape, .size = size, .numbers = copy, .bits = bits};
    *status = WG_OK;
    return place;
}

wg_status wg_check_supply_f64(wg_check *check, wg_var var, wg_shape shape, const double *numbers)
{
    wg_status status;
    check_supplied *s = supply_open(check, var, &shape, numbers, 53, &status);
    for (size_t i = 0; s && i < s->size; i++) s->numbers[i] = numbers[i];
    return status;
}

wg_status wg_check_supply_f32(wg_check *check, wg_var var, wg_shape shape, const float *numbers)
{
    wg_status status;
    check_supplied *s = supply_open(check, var, &shape, numbers, 24, &status);
    for (size_t i = 0; s && i < s->size; i++) s->numbers[i] = (double)numbers[i];
    return status;
}

/* IEEE 754-2019, 3.4: binary16 has 5 bits of exponent and 10 of fraction; bfloat16 8 and 7. */
static double supply_small_float(uint16_t bits, int exponent_bits)
{
    int fraction_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
    int exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1), fraction = bits & ((1 << fraction_bits) - 1);
    double sign = bits >> 15 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1) return fraction ? (double)NAN : sign * (double)INFINITY;
    if (exponent == 0) return sign * ldexp(fraction, 1 - bias - fraction_bits);
    return sign * ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
}

wg_status wg_check_supply_f16(wg_check *check, wg_var var, wg_shape shape, const uint16_t *numbers)
{
    wg_status status;
    check_supplied *s = supply_open(check, var, &shape, numbers, 11, &status);
    for (size_t i = 0; s && i < s->size; i++) s->numbers[i] = supply_small_float(numbers[i], 5);
    return status;
}

wg_status wg_check_supply_bf16(wg_check *check, wg_var var, wg_shape shape, const uint16_t *numbers)
{
    wg_status status;
    check_supplied *s = supply_open(check, var, &shape, numbers, 8, &status);
    for (size_t i = 0; s && i < s->size; i++) s->numbers[i] = supply_small_float(numbers[i], 8);
    return status;
}
