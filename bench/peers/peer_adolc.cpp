// ADOL-C on the scalar workloads: a peer in a process of its own, see support/process.h. Its works are
//
//     record NAME      a tape is recorded, its value with it
//     reverse NAME     a sweep back over it
//     gradient NAME    ADOL-C's driver: the tape evaluated again, and swept
//
// Asked for "record NAME" it tells the value, the first slope and the last; for "reverse NAME" the bytes of the tape.
#include <adolc/adolc.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <vector>

#include "../jobs/scalar_work.h"

#define NAME(word)  adolc_##word
#define NUMBER      adouble
#define TAPE        void *
#define CONSTANT    double
#define K(c)        c
#define VALUE(c)    adouble(c)
#define ADD(x, y)   ((x) + (y))
#define SUB(x, y)   ((x) - (y))
#define MUL(x, y)   ((x) * (y))
#define SIN(x)      sin(x)
#define EXP(x)      exp(x)
#define SCALE(k, x) ((k) * (x))
#define FROM(k, x)  ((k) - (x))
#define OVER(k, x)  ((k) / (x))
#include "../jobs/scalar_work.inc"

static const short TAPE_ID = 1;

static double now()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct job {
    int work;
    std::vector<double> inputs, gradient;
    std::vector<adouble> x;
    double value;
};

static void record(job &j)
{
    static adouble (*const works[])(void *, const adouble *, size_t) = {
        adolc_rosen, adolc_speel, adolc_chain, adolc_cheap, adolc_lj};
    trace_on(TAPE_ID, 1, 2 << 20, 4 << 20, 1 << 20, 2 << 20); // buffers so large that nothing goes to a file
    for (size_t i = 0; i < j.x.size(); i++) j.x[i] <<= j.inputs[i];
    {
        adouble y = works[j.work](nullptr, j.x.data(), j.x.size());
        y >>= j.value;
    }
    trace_off();
}

static void sweep(job &j)
{
    double one = 1;
    reverse(TAPE_ID, 1, static_cast<int>(j.x.size()), 0, &one, j.gradient.data());
}

static double tape_bytes()
{
    size_t counts[STAT_SIZE];
    tapestats(TAPE_ID, counts);
    return static_cast<double>(counts[NUM_OPERATIONS] + counts[NUM_LOCATIONS] * sizeof(locint) +
                               (counts[NUM_VALUES] + counts[TAY_STACK_SIZE]) * sizeof(double));
}

static double time_of(job &j, const char *part, size_t times)
{
    double total = 0;
    if (!std::strcmp(part, "gradient")) record(j);
    for (size_t t = 0; t < times; t++) {
        double start = now();
        if (!std::strcmp(part, "gradient")) {
            gradient(TAPE_ID, static_cast<int>(j.x.size()), j.inputs.data(), j.gradient.data());
            total += now() - start;
            continue;
        }
        record(j);
        double between = now();
        if (!std::strcmp(part, "record")) {
            total += between - start;
            continue;
        }
        sweep(j);
        total += now() - between;
    }
    return total;
}

static job make(const char *name)
{
    job j;
    for (j.work = 0; j.work < SCALAR_WORKS - 1 && std::strcmp(scalar_names[j.work], name); j.work++) {}
    for (size_t i = 0; i < scalar_inputs[j.work]; i++) j.inputs.push_back(scalar_input(j.work, i));
    j.gradient.resize(j.inputs.size());
    j.x.resize(j.inputs.size());
    return j;
}

int main()
{
    char line[256], part[32], name[32];
    size_t times;
    std::printf("ADOL-C\n");
    std::fflush(stdout);
    while (std::fgets(line, sizeof line, stdin)) {
        if (std::sscanf(line, "time %zu %31s %31s", &times, part, name) == 3) {
            job j = make(name);
            std::printf("%.9g\n", time_of(j, part, times));
        } else if (std::sscanf(line, "ask %31s %31s", part, name) == 2) {
            job j = make(name);
            record(j);
            sweep(j);
            if (!std::strcmp(part, "record"))
                std::printf("%.17g %.17g %.17g\n", j.value, j.gradient.front(), j.gradient.back());
            else
                std::printf("%.9g\n", tape_bytes());
        }
        std::fflush(stdout);
    }
}
