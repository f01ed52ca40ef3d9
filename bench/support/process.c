/* See process.h: a pipe in either direction, and lines of text. */
#define _POSIX_C_SOURCE 200112L /* fork, setenv */

#include "support/process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

struct bench_process {
    pid_t id;
    FILE *to, *from;
    char name[64];
};

static void process_environment(void)
{
    setenv("MALLOC_MMAP_THRESHOLD_", "4294967296", 1);
    setenv("MALLOC_TRIM_THRESHOLD_", "17179869184", 1);
    setenv("MALLOC_TOP_PAD_", "268435456", 1);
    setenv("OMP_WAIT_POLICY", "passive", 1);
    unsetenv("OPENBLAS_CORETYPE");
    unsetenv("OPENBLAS_L2_SIZE");
}

/* A line without its end; false at the end of what it says. */
static bool process_line(bench_process *p, char *line, size_t size)
{
    if (!fgets(line, (int)size, p->from)) return false;
    line[strcspn(line, "\n")] = 0;
    return true;
}

static void process_child(const int *to, const int *from, char *const *command)
{
    dup2(to[0], STDIN_FILENO);
    dup2(from[1], STDOUT_FILENO);
    for (int i = 0; i < 2; i++) {
        close(to[i]);
        close(from[i]);
    }
    process_environment();
    execvp(command[0], command);
    _exit(127);
}

static bench_process *process_start(char *const *command)
{
    int to[2], from[2];
    if (bench_is_quick() || !bench_has_peers()) return NULL;
    signal(SIGPIPE, SIG_IGN); /* a peer that ends is noticed when it does not answer */
    if (pipe(to)) return NULL;
    if (pipe(from)) return close(to[0]), close(to[1]), NULL;
    bench_process *p = bench_memory(sizeof *p);
    fflush(NULL);
    p->id = fork();
    if (p->id == 0) process_child(to, from, command);
    close(to[0]);
    close(from[1]);
    p->to = fdopen(to[1], "w");
    p->from = fdopen(from[0], "r");
    if (p->id > 0 && process_line(p, p->name, sizeof p->name)) return p;
    bench_process_close(p);
    return NULL;
}

bench_process *bench_process_script(const char *name)
{
    char path[1024], *python = getenv("WENGERT_BENCH_PYTHON"), usual[] = "/usr/bin/python3";
    snprintf(path, sizeof path, "%s/%s", WENGERT_BENCH_PEERS, name);
    return process_start((char *const[]){python ? python : usual, path, NULL});
}

bench_process *bench_process_program(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", WENGERT_BENCH_PROGRAMS, name);
    return access(path, X_OK) ? NULL : process_start((char *const[]){path, NULL});
}

void bench_process_close(bench_process *p)
{
    if (!p) return;
    fclose(p->to);
    fclose(p->from);
    if (p->id > 0) waitpid(p->id, NULL, 0);
    free(p);
}

const char *bench_process_name(const bench_process *p) { return p->name; }

size_t bench_process_ask(bench_process *p, const char *work, double *numbers, size_t most)
{
    char line[4096], *at = line, *end;
    size_t count = 0;
    fprintf(p->to, "ask %s\n", work);
    if (fflush(p->to) || !process_line(p, line, sizeof line)) return 0;
    for (; count < most; count++, at = end) {
        numbers[count] = strtod(at, &end);
        if (end == at) break;
    }
    return count;
}

double bench_process_time(void *context, size_t times)
{
    const bench_request *request = context;
    char line[256];
    fprintf(request->process->to, "time %zu %s\n", times, request->work);
    if (!fflush(request->process->to) && process_line(request->process, line, sizeof line)) return atof(line);
    bench_wrong("%s stopped at '%s'", request->process->name, request->work);
    exit(bench_close());
}
