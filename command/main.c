#include "command.h"

/* The program wengert. All of it is in command_run, where tests can call it too. */
int main(int count, char **words) { return command_run(count, words, stdout, stderr); }
