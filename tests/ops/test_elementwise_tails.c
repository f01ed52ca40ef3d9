/* Accuracy of elementwise values and derivatives far from 0, near 0 and near poles, where a formula that cancels loses
 * its digits. What is right was computed apart from this library, from the definitions, in decimal arithmetic of 120
 * digits (exp and ln of Python's decimal module; sin and cos by their series after exact reduction) and rounded to 21.
 *
 * Errors are counted in roundings: half a unit in the last place. Where float cannot hold a number, only double is
 * asked. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/point.h"

/* libm's functions have up to two units; a slope is at most a few operations on one of them; a second derivative, swept
 * or recorded over the recorded first one, a few more. None of these leaves room for a lost digit. */
enum { VALUE = 4, FIRST = 8, SECOND = 32 };

#define UNARY(function)                                                                                                \
    {                                                                                                                  \
        .name = #function, .unary = function                                                                           \
    }

typedef struct tail {
    row op;
    double x;
    long double right[3]; /* value, first and second derivative */
} tail;

static const tail tails[] = {
    {UNARY(wg_sigmoid), -700,
        {9.85967654375977085671e-305L, 9.85967654375977085671e-305L, 9.85967654375977085671e-305L}},
    {UNARY(wg_sigmoid), -100, {3.72007597602083596296e-44L, 3.72007597602083596296e-44L, 3.72007597602083596296e-44L}},
    {UNARY(wg_sigmoid), -40, {4.24835425529158897728e-18L, 4.24835425529158895923e-18L, 4.24835425529158892314e-18L}},
    {UNARY(wg_sigmoid), -5, {6.69285092428485555936e-3L, 6.64805667079015491400e-3L, 6.55906776632256293794e-3L}},
    {UNARY(wg_sigmoid), -0.5, {3.77540668798145435361e-1L, 2.35003712201594489069e-1L, 5.75567948523207405594e-2L}},
    {UNARY(wg_sigmoid), 0x1p-30,
        {5.00000000232830643654e-1L, 2.49999999999999999946e-1L, -1.16415321826934814419e-10L}},
    {UNARY(wg_sigmoid), 0.5, {6.22459331201854564639e-1L, 2.35003712201594489069e-1L, -5.75567948523207405594e-2L}},
    {UNARY(wg_sigmoid), 0.625, {6.51354864666054243621e-1L, 2.27091704941920404637e-1L, -6.87428685365357690207e-2L}},
    {UNARY(wg_sigmoid), 1, {7.31058578630004879251e-1L, 1.96611933241481852537e-1L, -9.08577476729484094425e-2L}},
    {UNARY(wg_sigmoid), 5, {9.93307149075715144441e-1L, 6.64805667079015491400e-3L, -6.55906776632256293794e-3L}},
    {UNARY(wg_sigmoid), 20, {9.99999997938846381810e-1L, 2.06115361394184934365e-9L, -2.06115360544514088561e-9L}},
    {UNARY(wg_sigmoid), 36.75, {9.99999999999999890433e-1L, 1.09566500332623648279e-16L, -1.09566500332623624269e-16L}},
    {UNARY(wg_sigmoid), 40, {9.99999999999999995752e-1L, 4.24835425529158895923e-18L, -4.24835425529158892314e-18L}},
    {UNARY(wg_sigmoid), 100, {1.00000000000000000000e+0L, 3.72007597602083596296e-44L, -3.72007597602083596296e-44L}},
    {UNARY(wg_sigmoid), 700, {1.00000000000000000000e+0L, 9.85967654375977085671e-305L, -9.85967654375977085671e-305L}},
    {UNARY(wg_tanh), 0x1p-30, {9.31322574615478515356e-10L, 9.99999999999999999133e-1L, -1.86264514923095702910e-9L}},
    {UNARY(wg_tanh), -0.25, {-2.44918662403709129278e-1L, 9.40014848806377956277e-1L, 4.60454358818565924475e-1L}},
    {UNARY(wg_tanh), 0.5, {4.62117157260009758502e-1L, 7.86447732965927410150e-1L, -7.26861981383587275540e-1L}},
    {UNARY(wg_tanh), 0.5625, {5.09829973735256582489e-1L, 7.40073397881107583262e-1L, -7.54623202007774347404e-1L}},
    {UNARY(wg_tanh), 1, {7.61594155955764888119e-1L, 4.19974341614026069394e-1L, -6.39700008449224500188e-1L}},
    {UNARY(wg_tanh), -5, {-9.99909204262595131211e-1L, 1.81583230943806684130e-4L, 3.63133487920905565227e-4L}},
    {UNARY(wg_tanh), 10, {9.99999995877692763620e-1L, 8.24461445576739737461e-9L, -1.64892288435611270849e-8L}},
    {UNARY(wg_tanh), 19.5, {9.99999999999999976904e-1L, 4.61928966920631428782e-17L, -9.23857933841262836225e-17L}},
    {UNARY(wg_tanh), -40, {-1.00000000000000000000e+0L, 7.21940555138166068925e-35L, 1.44388111027633213785e-34L}},
    {UNARY(wg_tanh), 100, {1.00000000000000000000e+0L, 5.53558610694695012259e-87L, -1.10711722138939002452e-86L}},
    {UNARY(wg_tanh), 350, {1.00000000000000000000e+0L, 3.94387061750390834268e-304L, -7.88774123500781668536e-304L}},
    {UNARY(wg_softplus), -700,
        {0.00000000000000000000e+20L, 9.85967654375977085671e-305L, 9.85967654375977085671e-305L}},
    {UNARY(wg_softplus), -100, {3.72007597602083596296e-44L, 3.72007597602083596296e-44L, 3.72007597602083596296e-44L}},
    {UNARY(wg_softplus), -40, {4.24835425529158898630e-18L, 4.24835425529158897728e-18L, 4.24835425529158895923e-18L}},
    {UNARY(wg_softplus), -5, {6.71534848911806861642e-3L, 6.69285092428485555936e-3L, 6.64805667079015491400e-3L}},
    {UNARY(wg_softplus), -0.5, {4.74076984180106680873e-1L, 3.77540668798145435361e-1L, 2.35003712201594489069e-1L}},
    {UNARY(wg_softplus), 0.5, {9.74076984180106680873e-1L, 6.22459331201854564639e-1L, 2.35003712201594489069e-1L}},
    {UNARY(wg_softplus), 5, {5.00671534848911806862e+0L, 9.93307149075715144441e-1L, 6.64805667079015491400e-3L}},
    {UNARY(wg_softplus), 20, {2.00000000020611536203e+1L, 9.99999997938846381810e-1L, 2.06115361394184934365e-9L}},
    {UNARY(wg_softplus), 40, {4.00000000000000000042e+1L, 9.99999999999999995752e-1L, 4.24835425529158895923e-18L}},
    {UNARY(wg_softplus), 100, {1.00000000000000000000e+2L, 1.00000000000000000000e+0L, 3.72007597602083596296e-44L}},
    {UNARY(wg_softplus), 700, {7.00000000000000000000e+2L, 1.00000000000000000000e+0L, 9.85967654375977085671e-305L}},
    {UNARY(wg_exp), -700, {9.85967654375977085671e-305L, 9.85967654375977085671e-305L, 9.85967654375977085671e-305L}},
    {UNARY(wg_exp), -80, {1.80485138784541517231e-35L, 1.80485138784541517231e-35L, 1.80485138784541517231e-35L}},
    {UNARY(wg_exp), -1, {3.67879441171442321596e-1L, 3.67879441171442321596e-1L, 3.67879441171442321596e-1L}},
    {UNARY(wg_exp), 0x1p-30, {1.00000000093132257505e+0L, 1.00000000093132257505e+0L, 1.00000000093132257505e+0L}},
    {UNARY(wg_exp), 80, {5.54062238439351005257e+34L, 5.54062238439351005257e+34L, 5.54062238439351005257e+34L}},
    {UNARY(wg_exp), 700, {1.01423205473500450946e+304L, 1.01423205473500450946e+304L, 1.01423205473500450946e+304L}},
    {UNARY(wg_expm1), -700, {-1.00000000000000000000e+0L, 9.85967654375977085671e-305L, 9.85967654375977085671e-305L}},
    {UNARY(wg_expm1), -80, {-1.00000000000000000000e+0L, 1.80485138784541517231e-35L, 1.80485138784541517231e-35L}},
    {UNARY(wg_expm1), -40, {-9.99999999999999995752e-1L, 4.24835425529158899533e-18L, 4.24835425529158899533e-18L}},
    {UNARY(wg_expm1), -1, {-6.32120558828557678404e-1L, 3.67879441171442321596e-1L, 3.67879441171442321596e-1L}},
    {UNARY(wg_expm1), 0x1p-40, {9.09494701773341828221e-13L, 1.00000000000090949470e+0L, 1.00000000000090949470e+0L}},
    {UNARY(wg_expm1), -0x1p-30, {-9.31322574181797646765e-10L, 9.99999999068677425818e-1L, 9.99999999068677425818e-1L}},
    {UNARY(wg_expm1), 1, {1.71828182845904523536e+0L, 2.71828182845904523536e+0L, 2.71828182845904523536e+0L}},
    {UNARY(wg_expm1), 80, {5.54062238439351005257e+34L, 5.54062238439351005257e+34L, 5.54062238439351005257e+34L}},
    {UNARY(wg_log), 0x1.8p-99,
        {-6.82161057673264212503e+1L, 4.22550200076076467166e+29L, -1.78548671584332252838e+59L}},
    {UNARY(wg_log), 0x1.8p-19, {-1.27643313225307964969e+1L, 3.49525333333333333333e+5L, -1.22167958641777777778e+11L}},
    {UNARY(wg_log), 0x1.ffffep-1,
        {-9.53674771153890007250e-7L, 1.00000095367522590182e+0L, -1.00000190735136130007e+0L}},
    {UNARY(wg_log), 0x1.00001p+0,
        {9.53673861659188233908e-7L, 9.99999046326593087584e-1L, -9.99998092654095668136e-1L}},
    {UNARY(wg_log), 0x1.8p+41, {2.88244995110659220681e+1L, 3.03164900590976079305e-13L, -9.19089569503364083190e-26L}},
    {UNARY(wg_log1p), -0x1.ffffep-1,
        {-1.38629436111989061883e+1L, 1.04857600000000000000e+6L, -1.09951162777600000000e+12L}},
    {UNARY(wg_log1p), -0.75, {-1.38629436111989061883e+0L, 4.00000000000000000000e+0L, -1.60000000000000000000e+1L}},
    {UNARY(wg_log1p), -0x1p-40,
        {-9.09494701773341828221e-13L, 1.00000000000090949470e+0L, -1.00000000000181898940e+0L}},
    {UNARY(wg_log1p), 0x1p-40, {9.09494701772514647609e-13L, 9.99999999999090505298e-1L, -9.99999999998181010596e-1L}},
    {UNARY(wg_log1p), 0x1p-20, {9.53673861659188233908e-7L, 9.99999046326593087584e-1L, -9.99998092654095668136e-1L}},
    {UNARY(wg_log1p), 0x1.8p+41,
        {2.88244995110662252330e+1L, 3.03164900590884170348e-13L, -9.19089569502806811795e-26L}},
    {UNARY(wg_sqrt), 0x1.8p-59, {1.61309801746986554333e-9L, 3.09962565563279885131e+8L, -5.95604179101691829872e+25L}},
    {UNARY(wg_sqrt), 0.75, {8.66025403784438646764e-1L, 5.77350269189625764509e-1L, -3.84900179459750509673e-1L}},
    {UNARY(wg_sqrt), 0x1.8p+61,
        {1.85977539337967931078e+9L, 2.68849669578310923888e-10L, -3.88649861105086312576e-29L}},
    {UNARY(wg_reciprocal), -0x1.8p-29,
        {-3.57913941333333333333e+8L, -1.28102389400760775111e+17L, -9.16992621692874277703e+25L}},
    {UNARY(wg_reciprocal), 0.75, {1.33333333333333333333e+0L, -1.77777777777777777778e+0L, 4.74074074074074074074e+0L}},
    {UNARY(wg_reciprocal), 0x1.8p+31,
        {3.10440858205159505208e-10L, -9.63735264431559496896e-20L, 5.98365605145419324994e-29L}},
    {UNARY(wg_sin), 0x1p-30, {9.31322574615478515490e-10L, 9.99999999999999999566e-1L, -9.31322574615478515490e-10L}},
    {UNARY(wg_sin), -1.5, {-9.97494986604054430942e-1L, 7.07372016677029100882e-2L, 9.97494986604054430942e-1L}},
    {UNARY(wg_sin), 3.140625, {9.67653438782279464995e-4L, -9.99999531823301611704e-1L, -9.67653438782279464995e-4L}},
    {UNARY(wg_sin), 100000, {3.57487979720165093165e-2L, -9.99360807438212451891e-1L, -3.57487979720165093165e-2L}},
    {UNARY(wg_cos), 0x1p-30, {9.99999999999999999566e-1L, -9.31322574615478515490e-10L, -9.99999999999999999566e-1L}},
    {UNARY(wg_cos), -1.5, {7.07372016677029100882e-2L, 9.97494986604054430942e-1L, -7.07372016677029100882e-2L}},
    {UNARY(wg_cos), 3.140625, {-9.99999531823301611704e-1L, -9.67653438782279464995e-4L, 9.99999531823301611704e-1L}},
    {UNARY(wg_cos), 100000, {-9.99360807438212451891e-1L, -3.57487979720165093165e-2L, 9.99360807438212451891e-1L}},
};

static bool tail_fits(long double x, wg_dtype dtype)
{
    long double size = fabsl(x), low = dtype == WG_F64 ? DBL_MIN : FLT_MIN, high = dtype == WG_F64 ? DBL_MAX : FLT_MAX;
    return size >= low && size <= high;
}

static void tail_check(const tail *t, double got, int order, int roundings, wg_dtype dtype, const char *how)
{
    long double right = t->right[order];
    if (!tail_fits(right, dtype)) return;
    long double error = fabsl(got - right) / fabsl(right) / dtype_roundoff(dtype);
    if (!(error <= roundings))
        fail_msg("%s(%.17g), %s, order %d, %s: %.17g, right is %.20Lg: %.3Lg roundings off, %d allowed", t->op.name,
            t->x, dtype == WG_F64 ? "F64" : "F32", order, how, got, right, error, roundings);
}

static void test_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
        for (size_t way = 0; way < POINT_WAYS; way++) {
            point_way w = point_way_of(way);
            if (w.dtype == WG_F32 && (double)(float)tails[i].x != tails[i].x) continue;
            point p = point_at(&tails[i].op, 1, &tails[i].x, 1, w);
            tail_check(&tails[i], p.value, 0, VALUE, w.dtype, "value");
            tail_check(&tails[i], p.slope[0], 1, FIRST, w.dtype, w.recorded ? "recorded" : "swept");
        }
}

/* Over the recorded first derivative: swept, and recorded again. */
static void test_second(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
        for (int ways = 0; ways < 4; ways++) {
            const tail *t = &tails[i];
            wg_dtype dtype = ways & 1 ? WG_F32 : WG_F64;
            if (dtype == WG_F32 && ((double)(float)t->x != t->x || !tail_fits(t->right[1], dtype))) continue;
            wg_tape *tape = wg_tape_new(dtype);
            wg_var x = wg_variable_f64(tape, (wg_shape){(uint32_t)ways >> 1, {1}}, &t->x), first, second;
            wg_gradients(row_call(&t->op, tape, &x, 1, NULL), &x, 1, &first);
            wg_gradients(first, &x, 1, &second);
            wg_backward(first);
            tail_check(t, wg_grad_at(x, 0), 2, SECOND, dtype, "swept");
            tail_check(t, wg_item(second), 2, SECOND, dtype, "recorded");
            if (wg_tape_status(tape) != WG_OK) fail_msg("%s", wg_tape_message(tape));
            wg_tape_free(tape);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_first), cmocka_unit_test(test_second)};
    return cmocka_run_group_tests_name("ops/elementwise, tails", tests, NULL, NULL);
}
