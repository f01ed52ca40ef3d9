/* A peer that lives in a process of its own, such as a Python script or a C++ program, and yet takes its turn within each
 * round. It reads requests, one a line, from its standard input and answers each by a line:
 *
 *     (at the start)                NAME                    once it is able to work, as "PyTorch 2.0"; else it just ends
 *     time TIMES WORK               SECONDS                 having done the work so often
 *     ask WORK                      NUMBER NUMBER ...       what the work results in
 *     (the end of the input)        (it ends)
 *
 * It is started with what its libraries need to be at their best: glibc keeps freed memory, threads that wait sleep, and
 * OpenBLAS finds out its machine by itself. */
#ifndef WG_BENCH_PROCESS_H
#define WG_BENCH_PROCESS_H

#include "support/bench.h"

typedef struct bench_process bench_process;

/* A Python script of bench/peers, run by the Python of the variable WENGERT_BENCH_PYTHON, or /usr/bin/python3. A program
 * that bench/CMakeLists.txt builds. NULL when it cannot work here, by --quick and by --no-peers. */
bench_process *bench_process_script(const char *name);
bench_process *bench_process_program(const char *name);
void bench_process_close(bench_process *process); /* or NULL */

const char *bench_process_name(const bench_process *process);

/* Asks for numbers; returns how many it got, at most most. */
size_t bench_process_ask(bench_process *process, const char *work, double *numbers, size_t most);

/* A contender: {.timed = bench_process_time, .context = &request}. */
typedef struct bench_request {
    bench_process *process;
    const char *work;
} bench_request;
double bench_process_time(void *request, size_t times);

#endif
