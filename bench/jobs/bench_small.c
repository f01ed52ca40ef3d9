/* Small things: the sum of tanh of a product of 4 x 4 matrices, forward and backward, in float: what an op costs apart from
 * its arithmetic. On a tape, recorded anew or replayed; in plain C; by PyTorch. */
#include "support/bench.h"
#include "support/process.h"

#include <wengert.h>

#include <math.h>
#include <string.h>

enum { N = 4 };

typedef struct small_job {
    wg_tape *tape;
    wg_var a, b, y;
    wg_mark mark;
    float values[2][N * N], gradients[2][N * N], sum; /* plain C's */
    bench_process *torch;
    bench_request request;
} small_job;

static void forward(small_job *j) { j->y = wg_sum(wg_tanh(wg_matmul(j->a, j->b))); }

static void recorded(void *context)
{
    small_job *j = context;
    wg_tape_rewind(j->tape, j->mark);
    wg_zero_grad(j->tape);
    forward(j);
    wg_backward(j->y);
}

static void forward_alone(void *context)
{
    small_job *j = context;
    wg_tape_rewind(j->tape, j->mark);
    forward(j);
}

static void replayed(void *context)
{
    small_job *j = context;
    wg_tape_replay(j->tape);
    wg_zero_grad(j->tape);
    wg_backward(j->y);
}

static void plain(void *context)
{
    small_job *j = context;
    const float *a = j->values[0], *b = j->values[1];
    float dz[N * N];
    j->sum = 0;
    for (int i = 0; i < N * N; i++) {
        float z = 0;
        for (int k = 0; k < N; k++) z += a[i / N * N + k] * b[k * N + i % N];
        float y = tanhf(z);
        j->sum += y;
        dz[i] = 1 - y * y;
    }
    memset(j->gradients, 0, sizeof j->gradients);
    for (int i = 0; i < N * N; i++)
        for (int k = 0; k < N; k++) {
            j->gradients[0][i / N * N + k] += dz[i] * b[k * N + i % N];
            j->gradients[1][k * N + i % N] += dz[i] * a[i / N * N + k];
        }
}

static bool is_right(void *context)
{
    small_job *j = context;
    double theirs[3], squares[3] = {0};
    recorded(j);
    plain(j);
    if (wg_tape_status(j->tape)) return bench_wrong("%s", wg_tape_message(j->tape));
    squares[0] = wg_item(j->y);
    for (int i = 0; i < N * N; i++) {
        squares[1] += wg_grad_at(j->a, (size_t)i) * wg_grad_at(j->a, (size_t)i);
        squares[2] += wg_grad_at(j->b, (size_t)i) * wg_grad_at(j->b, (size_t)i);
    }
    bool right = bench_same_f32("value", 1, wg_value_f32(j->y), &j->sum, 1e-6) &&
                 bench_same_f32("da", N * N, wg_grad_f32(j->a), j->gradients[0], 1e-6) &&
                 bench_same_f32("db", N * N, wg_grad_f32(j->b), j->gradients[1], 1e-6);
    if (!right || !j->torch) return right;
    if (bench_process_ask(j->torch, "small", theirs, 3) != 3) return bench_wrong("PyTorch does not answer");
    return bench_same_f64("value, and squares of the gradients", 3, squares, theirs, 1e-5);
}

int main(int argc, char **argv)
{
    bench_open("small", argc, argv);
    small_job j = {.tape = wg_tape_new(WG_F32), .torch = bench_process_script("peer_torch.py")};
    bench_fill_f32(N * N, j.values[0], -.5, .5);
    bench_fill_f32(N * N, j.values[1], -1, 1);
    j.a = wg_variable_f32(j.tape, WG_DIMS(N, N), j.values[0]);
    j.b = wg_variable_f32(j.tape, WG_DIMS(N, N), j.values[1]);
    j.mark = wg_tape_mark(j.tape);
    j.request = (bench_request){j.torch, "small"};
    bench_case c = {.group = "small things",
        .name = "sum tanh(A B), 4 x 4, forward, backward",
        .unit = "ns",
        .context = &j,
        .validate = is_right,
        .contenders = {{.name = "wengert, recorded", .work = recorded}, {.name = "replayed", .work = replayed},
            {.name = "forward alone", .work = forward_alone}, {.name = "plain C", .kind = BENCH_PLAIN, .work = plain}}};
    if (j.torch)
        c.contenders[4] = (bench_contender){.name = bench_process_name(j.torch),
            .kind = BENCH_PEER,
            .timed = bench_process_time,
            .context = &j.request};
    bench_run(&c, NULL);
    wg_tape_free(j.tape);
    bench_process_close(j.torch);
    return bench_close();
}
